/** Reads the points of charts. */
import type { DepthEntry } from "../../../shared/series/depth_store.ts";
import type { SeriesCounts } from "../../../shared/series/series_store.ts";
import type { Caller } from "../../access/caller.ts";
import { addCounts, readDepths, readEntries, type SeriesParts } from "../../routes/series.ts";

/** Seconds of each time range, and of its steps. */
export const RANGES = {
  "1h": { seconds: 3600, step: 60 },
  "6h": { seconds: 6 * 3600, step: 300 },
  "24h": { seconds: 24 * 3600, step: 1200 },
  "72h": { seconds: 72 * 3600, step: 3600 },
} as const;

/** A time range. */
export type Range = keyof typeof RANGES;

/** Counts of the step that begins at `at`; absent if no task ended. */
export interface Point {
  readonly at: Date;
  readonly counts?: SeriesCounts;
  /** Messages by queue; absent if nothing was counted. */
  readonly depths?: ReadonlyMap<string, number>;
}

/** The points of a time range. */
export interface Points {
  readonly points: readonly Point[];
  /** The deepest queues. None for one task, whose messages are not counted. */
  readonly deepest: readonly string[];
}

/** What to read. */
export interface PointsQuery {
  readonly range: Range;
  readonly task?: string;
  readonly queue?: string;
  /** Whether to read depths of queues. */
  readonly withDepths: boolean;
}

/** Queues with a line of their own. */
const DEEPEST_MAX = 5;

/** Reads the points of the time range until now, with the current step.
 *
 * @throws {Problem} `invalid-input` if there are too many */
export async function readPoints(
  series: SeriesParts,
  { range, withDepths, task, queue }: PointsQuery,
  { caller, now }: { readonly caller: Caller; readonly now: Date },
): Promise<Points> {
  const { seconds, step } = RANGES[range];
  const end = Math.floor(now.getTime() / 1000 / step) * step + step;
  const since = new Date((end - seconds) * 1000);
  const query = {
    since,
    until: new Date(end * 1000),
    step,
    ...(queue !== undefined && { queue }),
  };
  const [entries, depths] = await Promise.all([
    readEntries(series.store, { ...query, ...(task !== undefined && { task }) }, caller),
    withDepths ? readDepths(series.depths, query, caller) : [],
  ]);
  const depthsAt = Map.groupBy(depths, ({ at }) => at.getTime());
  const sums = new Map<number, SeriesCounts>();
  for (const entry of entries) {
    const at = entry.at.getTime();
    const before = sums.get(at);
    sums.set(at, before ? addCounts(before, entry) : entry);
  }
  const points = Array.from({ length: seconds / step }, (_, index): Point => {
    const at = new Date(since.getTime() + index * step * 1000);
    const counts = sums.get(at.getTime());
    const counted = depthsAt.get(at.getTime());
    return {
      at,
      ...(counts && { counts }),
      ...(counted && { depths: new Map(counted.map((one) => [one.queue, one.ready])) }),
    };
  });
  return { points, deepest: deepestOf(depths) };
}

/** Queues by their greatest depth. */
function deepestOf(depths: readonly DepthEntry[]): string[] {
  const most = new Map<string, number>();
  for (const { queue, ready } of depths) most.set(queue, Math.max(ready, most.get(queue) ?? 0));
  return [...most].toSorted(([a, one], [b, other]) => other - one || (a < b ? -1 : 1))
    .slice(0, DEEPEST_MAX).map(([queue]) => queue);
}
