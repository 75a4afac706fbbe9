/** When a schedule comes due: by cron, or at an interval. Pure. */
import { cron } from "./cron.ts";
import { InvalidInput } from "../errors.ts";

/** At times of the clock on the wall. */
export interface CronTiming {
  /** As {@linkcode cron} reads it. */
  readonly cron: string;
  /** IANA name of the timezone. */
  readonly timezone: string;
}

/** After so much time has passed, whatever clocks say. */
export interface IntervalTiming {
  /** Seconds, from 1. */
  readonly every: number;
  /** The moment that intervals are counted from. */
  readonly anchor: Date;
}

/** One of the two. */
export type Timing = CronTiming | IntervalTiming;

/** Gives the first due time after a moment. */
export type Next = (after: Date) => Date | undefined;

/** Seconds of the shortest interval: what is wanted more often is a loop, not a schedule. */
export const SHORTEST_INTERVAL = 1;
/** Seconds of the longest interval: ten years. */
export const LONGEST_INTERVAL = 10 * 366 * 86_400;

/** @throws {InvalidInput} `cron`, `timezone` or `every`
 *
 * @example
 * ```ts
 * import { nextOf } from "./timing.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const next = nextOf({ every: 90, anchor: new Date("2026-01-01T00:00:00Z") });
 * assertEquals(next(new Date("2026-01-01T00:01:30Z")), new Date("2026-01-01T00:03:00Z"));
 * ```
 */
export function nextOf(timing: Timing): Next {
  if ("cron" in timing) return cron(timing.cron, timing.timezone);
  const { every, anchor } = timing;
  if (!(every >= SHORTEST_INTERVAL && every <= LONGEST_INTERVAL)) {
    throw new InvalidInput(
      `Cannot use interval ${every} because it is not ${SHORTEST_INTERVAL} to ${LONGEST_INTERVAL} seconds: correct it`,
      "every",
    );
  }
  const everyMs = Math.round(every * 1000);
  return (after) => {
    const passed = Math.floor((after.getTime() - anchor.getTime()) / everyMs);
    return new Date(anchor.getTime() + (Math.max(passed, 0) + 1) * everyMs);
  };
}

/** The next due times after a moment, at most `count`. */
export function upcoming(next: Next, after: Date, count: number): Date[] {
  const times: Date[] = [];
  for (let time = next(after); time && times.length < count; time = next(time)) times.push(time);
  return times;
}

/** The newest due times after `after` and not later than `now`, at most `limit`, the oldest first: without a walk through all of a long absence. */
export function missed(next: Next, after: Date, now: Date, limit: number): Date[] {
  for (let spanMs = 60_000;; spanMs *= 4) {
    const from = Math.max(after.getTime(), now.getTime() - spanMs);
    const times: Date[] = [];
    for (let time = next(new Date(from)); time && time <= now; time = next(time)) {
      times.push(time);
      if (times.length > limit) times.shift();
    }
    if (times.length === limit || from === after.getTime()) return times;
  }
}
