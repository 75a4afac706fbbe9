/** Ticks: which are due, and the message of each. Pure functions. */
import { createHash } from "node:crypto";
import { checkHeaders } from "../shared/broker/header_limit.ts";
import type { OutboxEntry } from "../shared/outbox/outbox.ts";
import { prepareTask } from "../shared/outbox/prepared_task.ts";
import type { Submission } from "../shared/outbox/submission.ts";
import type { PendingTask } from "../shared/results/result.ts";
import { MISSED_AFTER, MISSED_LIMIT, type MissedPolicy } from "../shared/schedules/schedule.ts";
import { missed, type Next } from "../shared/schedules/timing.ts";

/** The ticks to send now. */
export interface Plan {
  /** Due times to send, oldest first. */
  readonly times: readonly Date[];
  /** All ticks up to this time are done. */
  readonly after: Date;
  /** Time of the next tick; `undefined` if there is none. */
  readonly next: Date | undefined;
}

/** Decides which of the ticks since `after` to send.
 *
 * @example
 * ```ts
 * import { planTicks } from "./tick.ts";
 * import { nextOf } from "../shared/schedules/timing.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));
 * const next = nextOf({ every: 600, anchor: at(0) });
 * const plan = planTicks({ next, after: at(0), policy: "once" }, at(35));
 * assertEquals(plan, { times: [at(30)], after: at(30), next: at(40) });
 * ```
 */
export function planTicks(
  { next, after, policy }: { next: Next; after: Date; policy: MissedPolicy },
  now: Date,
): Plan {
  const due = missed(next, after, now, policy === "all" ? MISSED_LIMIT : 1);
  const newest = due.at(-1);
  if (!newest) return { times: [], after, next: next(after) };
  const late = now.getTime() - newest.getTime() > MISSED_AFTER * 1000;
  return { times: policy === "skip" && late ? [] : due, after: newest, next: next(newest) };
}

/** The id of a tick's task: a UUIDv7 of its due time, the same in every process and for every attempt.
 *
 * @example
 * ```ts
 * import { tickId } from "./tick.ts";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * const due = new Date("2026-11-23T00:00:00Z");
 * assertEquals(tickId("nightly", due), tickId("nightly", due));
 * assertNotEquals(tickId("nightly", due), tickId("hourly", due));
 * ```
 */
export function tickId(schedule: string, dueAt: Date): string {
  const bytes = createHash("sha256").update(`${dueAt.toISOString()} ${schedule}`).digest();
  const time = dueAt.getTime().toString(16).padStart(12, "0");
  const version = 0x70 | bytes[0]! & 0x0f;
  const variant = 0x80 | bytes[2]! & 0x3f;
  const random = [version, bytes[1]!, variant, ...bytes.subarray(3, 10)];
  const hex = time + random.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** A tick that is ready to be stored. */
export interface Tick {
  readonly dueAt: Date;
  readonly entry: OutboxEntry;
  /** The PENDING record; absent if the task keeps no record. */
  readonly pending?: PendingTask;
}

/** Creates the message of one tick.
 *
 * @param schedule the schedule's key, from which ids are derived
 * @throws {InvalidInput} when a Python worker would crash on the message or lose it, or the broker could never accept it */
export function tickOf(
  schedule: string,
  { signature, ignoreResult }: Submission,
  dueAt: Date,
  context: { origin: string; now: Date },
): Tick {
  const { task, entry } = prepareTask(
    { ...signature, options: { ...signature.options, taskId: tickId(schedule, dueAt) } },
    context,
  );
  checkHeaders(entry.message.headers);
  return { dueAt, entry, ...(!ignoreResult && { pending: task }) };
}
