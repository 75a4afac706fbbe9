/** Parses `wait`, `Prefer` and `Idempotency-Key`. */
import type { HonoRequest } from "hono";
import { fieldProblem } from "./problem.ts";
import { readQuery } from "./query.ts";

/** Returns the seconds of `Prefer: wait=N`, or `undefined`. An invalid header is ignored (RFC 7240, section 2).
 *
 * @param maxWait upper limit in seconds
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

/** Returns the seconds of `?wait=`; 0 without it.
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

/** How long a submission waits for the result. */
export interface SubmissionWait {
  /** 0: no wait. */
  readonly seconds: number;
  /** Response headers that report the applied preference. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Parses `?wait=N` or, without it, `Prefer: wait=N`.
 *
 * @param maxWait upper limit in seconds
 * @throws {Problem} `invalid-input` for any other query parameter */
export function submissionWait(request: HonoRequest, maxWait: number): SubmissionWait {
  // Fast path: most submissions have no query.
  const { wait } = request.raw.url.includes("?") ? readQuery(request.queries(), ["wait"]) : {};
  if (wait !== undefined) return { seconds: queriedWait(wait, maxWait), headers: {} };
  const seconds = preferredWait(request.header("prefer"), maxWait);
  if (seconds === undefined) return { seconds: 0, headers: {} };
  return { seconds, headers: { "preference-applied": `wait=${seconds}` } };
}

/** Checks an `Idempotency-Key`.
 *
 * @throws {Problem} `invalid-input` */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header !== undefined && !/^[\x21-\x7e]{1,255}$/.test(header)) {
    throw fieldProblem("Idempotency-Key", "expected 1 to 255 visible ASCII characters");
  }
  return header;
}
