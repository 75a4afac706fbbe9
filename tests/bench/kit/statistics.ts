/** Medians, quantiles and ranges of measured values.
 * @module
 */

/** Summary of the values of all rounds. */
export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Returns the value below which `part` of the values lie: the nearest rank, without interpolation.
 *
 * @param part 0 to 1
 * @returns NaN if there are no values */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  const rank = Math.ceil(sorted.length * part) - 1;
  return sorted[Math.min(Math.max(rank, 0), sorted.length - 1)] ?? NaN;
}

/** Returns the middle value, or the mean of the two middle values.
 *
 * @returns NaN if there are no values */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const upper = sorted[sorted.length >> 1] ?? NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? NaN;
  return (lower + upper) / 2;
}

/** Summarizes the values of all rounds. */
export function summarize(values: readonly number[]): Summary {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}
