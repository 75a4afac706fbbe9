/** What a request's headers and query ask for besides the route: waiting, and being safe to repeat. */
import type { HonoRequest } from "hono";
import { fieldProblem } from "./problem.ts";
import { readQuery } from "./query.ts";

/** Seconds that `Prefer: wait=N` asks for, or `undefined`. What cannot be read is ignored, as RFC 7240 (section 2) wants.
 *
 * @param maxWait seconds that no caller may pass
 *
 * @example
 * ```ts
 * import { preferredWait } from "./preferences.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(preferredWait("respond-async, wait=10", 60), 10);
 * assertEquals(preferredWait("wait=3600", 60), 60);
 * assertEquals(preferredWait("wait=soon", 60), undefined);
 * ```
 */
export function preferredWait(header: string | undefined, maxWait: number): number | undefined {
  for (const preference of header?.split(",") ?? []) {
    const [, seconds] = /^\s*wait\s*=\s*"?(\d+)"?\s*(;.*)?$/i.exec(preference) ?? [];
    if (seconds !== undefined) return Math.min(Number(seconds), maxWait) || undefined;
  }
}

/** Seconds that `?wait=` asks for; 0 without it.
 *
 * @throws {Problem} `invalid-input` */
export function queriedWait(given: string | undefined, maxWait: number): number {
  if (given === undefined) return 0;
  const seconds = /^\d{1,9}(\.\d{1,9})?$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isNaN(seconds)) {
    throw fieldProblem("wait", `expected seconds from 0 to ${maxWait}`);
  }
  return Math.min(seconds, maxWait);
}

/** How long a caller who submits waits for the end. */
export interface SubmissionWait {
  /** 0: not at all. */
  readonly seconds: number;
  /** Headers of the answer that say what was honoured. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What `?wait=N` asks for or, without it, `Prefer: wait=N`.
 *
 * @param maxWait seconds that no caller may pass
 * @throws {Problem} `invalid-input` for any other query parameter */
export function submissionWait(request: HonoRequest, maxWait: number): SubmissionWait {
  // Nearly every submission comes without a query.
  const { wait } = request.raw.url.includes("?") ? readQuery(request.queries(), ["wait"]) : {};
  if (wait !== undefined) return { seconds: queriedWait(wait, maxWait), headers: {} };
  const seconds = preferredWait(request.header("prefer"), maxWait);
  if (seconds === undefined) return { seconds: 0, headers: {} };
  return { seconds, headers: { "preference-applied": `wait=${seconds}` } };
}

/** The `Idempotency-Key` as given.
 *
 * @throws {Problem} `invalid-input` */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header !== undefined && !/^[\x21-\x7e]{1,255}$/.test(header)) {
    throw fieldProblem("Idempotency-Key", "expected 1 to 255 visible ASCII characters");
  }
  return header;
}
