/** Due times of a schedule, by cron expression or interval. Pure. */
import { cron } from "./cron.ts";
import { InvalidInput } from "../errors.ts";

/** Due at local times. */
export interface CronTiming {
  /** An expression for {@linkcode cron}. */
  readonly cron: string;
  /** IANA name of the timezone. */
  readonly timezone: string;
}

/** Due after a fixed elapsed time, independent of local time. */
export interface IntervalTiming {
  /** Seconds, at least 1. */
  readonly every: number;
  /** Start of the first interval. */
  readonly anchor: Date;
}

/** Timing of a schedule. */
export type Timing = CronTiming | IntervalTiming;

/** Returns the first due time after a given time. */
export type Next = (after: Date) => Date | undefined;

/** Minimum interval in seconds. Use a loop instead of a schedule for shorter ones. */
export const SHORTEST_INTERVAL = 1;
/** Maximum interval in seconds: ten years. */
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

/** The next due times after a given time, at most `count`. */
export function upcoming(next: Next, after: Date, count: number): Date[] {
  const times: Date[] = [];
  for (let time = next(after); time && times.length < count; time = next(time)) times.push(time);
  return times;
}

/** The newest due times after `after` and up to `now`, at most `limit`, oldest first. Does not walk through all ticks of a long outage. */
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
