/** Exponential backoff.
 * @module
 */

/** Milliseconds to wait after `failures` consecutive failures: `firstMs`, doubled with each further failure, at most `maxMs`.
 *
 * @param failures from 1
 *
 * @example
 * ```ts
 * import { backoffMs } from "./backoff.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const waits = [1, 2, 3, 2000].map((failures) => backoffMs(failures, { firstMs: 100, maxMs: 250 }));
 * assertEquals(waits, [100, 200, 250, 250]);
 * ```
 */
export function backoffMs(
  failures: number,
  { firstMs, maxMs }: { firstMs: number; maxMs: number },
): number {
  return Math.min(maxMs, firstMs * 2 ** (failures - 1));
}
