/** Histograms with fixed buckets: counts of durations. */

/** Upper bounds of the buckets in seconds, inclusive. One more bucket counts longer durations. */
export const BOUNDS: readonly number[] = [
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60,
  300,
  1800,
  3600,
];

/** Number of buckets. */
export const BUCKETS = BOUNDS.length + 1;

/** Counts by bucket, and the sum of the durations. */
export interface Histogram {
  readonly counts: readonly number[];
  /** Seconds. */
  readonly sum: number;
}

/** The bucket of a duration.
 *
 * @example
 * ```ts
 * import { BUCKETS, bucketOf } from "./histogram.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([0, 0.001, 0.002, 1e6].map(bucketOf), [0, 0, 1, BUCKETS - 1]);
 * ```
 */
export function bucketOf(seconds: number): number {
  let low = 0;
  let high = BOUNDS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (seconds <= BOUNDS[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Number of durations. */
export function total({ counts }: Histogram): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Estimates a quantile in seconds, linear within its bucket. `null` if there are no durations. The last bucket counts as its lower
 * bound.
 *
 * @param share from 0 to 1
 *
 * @example
 * ```ts
 * import { quantile } from "./histogram.ts";
 * import { assertEquals } from "@std/assert";
 *
 * // Four durations between 0.0025 s and 0.005 s.
 * assertEquals(quantile({ counts: [0, 0, 4], sum: 0.015 }, 0.5), 0.00375);
 * assertEquals(quantile({ counts: [], sum: 0 }, 0.5), null);
 * ```
 */
export function quantile(histogram: Histogram, share: number): number | null {
  const rank = total(histogram) * share;
  if (total(histogram) === 0) return null;
  let below = 0;
  for (const [bucket, count] of histogram.counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const lower = bucket === 0 ? 0 : BOUNDS[bucket - 1]!;
      const upper = BOUNDS[bucket] ?? lower;
      return lower + (upper - lower) * (rank - below) / count;
    }
    below += count;
  }
  return BOUNDS.at(-1)!;
}

/** The sum of two histograms. */
export function addHistograms(one: Histogram, other: Histogram): Histogram {
  const length = Math.max(one.counts.length, other.counts.length);
  const counts = Array.from(
    { length },
    (_, bucket) => (one.counts[bucket] ?? 0) + (other.counts[bucket] ?? 0),
  );
  return { counts, sum: one.sum + other.sum };
}
