/** Decides about a task that this worker does not have. Other workers may have it, for example those of the next release. */
import { notRegistered } from "../../shared/celery/exception.ts";
import { UNKNOWN_SINCE } from "../../shared/celery/headers.ts";
import type { Headers } from "../../shared/broker/message.ts";
import type { Outcome } from "./outcome.ts";

/** Seconds until a message is offered again: as long as it has been unknown, within these bounds. This avoids a busy loop, and allows about
 * forty tries in ten minutes: enough to reach a worker that has the task even if few do. */
const SOONEST = 1;
const LATEST = 15;

/** Offers the message to other workers through the outbox. Once it has been unknown for `wait` seconds, it is dead-lettered.
 *
 * @param headers of the message; they contain the time since when it is unknown
 * @param random a number in [0, 1) that spreads the next tries
 *
 * @example
 * ```ts
 * import { unknownTask } from "./unknown_task.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const now = new Date("2026-01-01T00:01:00Z");
 * const headers = { "celeriac-unknown-since": "2026-01-01T00:00:56Z" };
 * assertEquals(unknownTask("crop", headers, { wait: 600, now, random: 0.5 }), {
 *   kind: "defer",
 *   why: "unknown",
 *   until: new Date("2026-01-01T00:01:04Z"),
 *   since: new Date("2026-01-01T00:00:56Z"),
 * });
 * assertEquals(unknownTask("crop", headers, { wait: 3, now }).kind, "reject");
 * ```
 */
export function unknownTask(
  name: string,
  headers: Headers,
  { wait, now, random = Math.random() }: { wait: number; now: Date; random?: number },
): Outcome {
  const unknownSince = sinceOf(headers, now);
  const age = (now.getTime() - unknownSince.getTime()) / 1000;
  if (age >= wait) {
    const error = { exception: notRegistered(name), traceback: null };
    return { kind: "reject", reason: "unknown-task", error };
  }
  const delay = Math.min(Math.max(age, SOONEST), LATEST) * (0.75 + random / 2);
  const until = new Date(now.getTime() + Math.min(delay, wait - age) * 1000);
  return { kind: "defer", why: "unknown", until, since: unknownSince };
}

/** Whether other workers, which did not have the task, have received the message before. */
export function wasUnknown(headers: Headers): boolean {
  return headers[UNKNOWN_SINCE] !== undefined;
}

/** Because clocks differ, a time in the future counts as now. */
function sinceOf(headers: Headers, now: Date): Date {
  const given = headers[UNKNOWN_SINCE];
  const since = typeof given === "string" ? new Date(given) : now;
  return since.getTime() <= now.getTime() ? since : now;
}
