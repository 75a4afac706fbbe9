/** Formats a duration for people, rounded to two or three digits.
 *
 * @param seconds may be fractional
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatDuration } from "./duration.ts";
 *
 * assertEquals(
 *   [0.0004, 0.0123, 1.234, 59.96, 125, 3600, 100_000].map(formatDuration),
 *   ["0.4 ms", "12 ms", "1.2 s", "1 min", "2 min 5 s", "1 h", "27 h 47 min"],
 * );
 * ```
 */
export function formatDuration(seconds: number): string {
  if (seconds < 0.00995) return `${trimmed((seconds * 1000).toFixed(1))} ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${trimmed(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  return whole < 3600
    ? units(whole, 60, ["min", "s"])
    : units(Math.round(whole / 60), 60, ["h", "min"]);
}

function trimmed(digits: string): string {
  return digits.replace(/\.0$/, "");
}

function units(count: number, size: number, [large, small]: readonly [string, string]): string {
  const rest = count % size;
  return `${Math.floor(count / size)} ${large}${rest === 0 ? "" : ` ${rest} ${small}`}`;
}
