/** Rate limits in Celery's syntax. */
import { InvalidInput } from "../errors.ts";

const UNITS = new Map([["s", 1], ["m", 60], ["h", 3600]]);

/** Parses a rate: `"10/m"` (or `/s`, `/h`), or a bare number per second; `0`, `""` and `null` mean no limit.
 *
 * @returns tasks per second; `undefined` without a limit
 * @throws {InvalidInput} when it is not a rate
 *
 * @example
 * ```ts
 * import { parseRate } from "./rate.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseRate("30/m"), 0.5);
 * assertEquals(parseRate(0), undefined);
 * ```
 */
export function parseRate(rate: unknown): number | undefined {
  if (rate === null || rate === undefined || rate === "") return undefined;
  const match = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*(?:\/\s*([smh])\s*)?$/.exec(String(rate));
  if (!match || !["string", "number"].includes(typeof rate)) {
    throw new InvalidInput(
      `Cannot use '${rate}' as a rate limit because it is not of the form '10/s', '10/m' or '10/h': use that form, or 0 for no limit`,
      "rate_limit",
    );
  }
  const perSecond = Number(match[1]) / (UNITS.get(match[2] ?? "s") ?? 1);
  return perSecond > 0 ? perSecond : undefined;
}
