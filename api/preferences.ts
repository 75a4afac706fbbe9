/** What a request's headers and query ask for besides the route: waiting, and being safe to repeat. */
import { fieldProblem } from "./problem.ts";

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

/** The `Idempotency-Key` as given.
 *
 * @throws {Problem} `invalid-input` */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header !== undefined && !/^[\x21-\x7e]{1,255}$/.test(header)) {
    throw fieldProblem("Idempotency-Key", "expected 1 to 255 visible ASCII characters");
  }
  return header;
}
