/** Rates per second from series per minute. */
import type { Rate, Rates } from "./snapshot.ts";

/** Seconds of a point, and of the time that a rate covers. */
const MINUTE = 60;

/** Counts of one minute. */
export interface CountedMinute {
  /** Begin of the minute. */
  readonly at: string;
  readonly succeeded: number;
  readonly failed: number;
  readonly retried: number;
  readonly rejected: number;
  readonly revoked: number;
}

/** Series by queue with a step of a minute, as the API returns them. */
export interface QueueSeries {
  readonly until: string;
  readonly series: readonly {
    readonly queue: string | null;
    readonly points: readonly CountedMinute[];
  }[];
}

/** Rates over the minute before `until`. Counts of the minute that it begins in are divided evenly.
 *
 * @example
 * ```ts
 * import { ratesOf } from "./rates.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const counts = { succeeded: 60, failed: 0, retried: 0, rejected: 0, revoked: 0 };
 * const points = [{ at: "2030-01-02T03:04:00Z", ...counts }, { at: "2030-01-02T03:05:00Z", ...counts }];
 * const { total } = ratesOf({ until: "2030-01-02T03:05:30Z", series: [{ queue: "q", points }] });
 * assertEquals(total.tasks, 1.5);
 * ```
 */
export function ratesOf({ until, series }: QueueSeries): Rates {
  const begin = Date.parse(until) / 1000 - MINUTE;
  const queues = new Map<string, Rate>();
  for (const { queue, points } of series) {
    queues.set(queue ?? "", sum(points.map((point) => rateOf(point, begin))));
  }
  return { total: sum([...queues.values()]), queues };
}

/** The part of a minute that lies after a time, per second. */
function rateOf(point: CountedMinute, begin: number): Rate {
  const end = Date.parse(point.at) / 1000 + MINUTE;
  const share = Math.min(1, Math.max(0, (end - begin) / MINUTE)) / MINUTE;
  const { succeeded, failed, retried, rejected, revoked } = point;
  return {
    tasks: share * (succeeded + failed + rejected + revoked),
    failures: share * (failed + rejected),
    retries: share * retried,
  };
}

function sum(rates: readonly Rate[]): Rate {
  return rates.reduce((one, other) => ({
    tasks: one.tasks + other.tasks,
    failures: one.failures + other.failures,
    retries: one.retries + other.retries,
  }), { tasks: 0, failures: 0, retries: 0 });
}
