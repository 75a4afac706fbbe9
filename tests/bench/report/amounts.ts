/** Numbers for people.
 * @module
 */

/** Formats a value with at most three significant decimals: `7,206`, `10.8`, `0.247`. */
export function formatAmount(value: number): string {
  if (!Number.isFinite(value)) return "?";
  const size = Math.abs(value);
  const digits = size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Formats a median with its range, which is left out if there is only one value. */
export function formatRange(
  { median, least, most }: {
    readonly median: number;
    readonly least: number;
    readonly most: number;
  },
): string {
  if (least === most) return formatAmount(median);
  return `${formatAmount(median)} (${formatAmount(least)} to ${formatAmount(most)})`;
}
