/** `GET /v1/series`: counts, run times and waits of tasks over time. `GET /v1/queue-depths`: messages in queues over time. */
import { Hono } from "hono";
import { z } from "zod";
import {
  addHistograms,
  BOUNDS,
  type Histogram,
  quantile,
  total,
} from "../../shared/series/histogram.ts";
import {
  COUNTED,
  type Counted,
  type SeriesCounts,
  type SeriesEntry,
  type SeriesQuery,
  type SeriesStore,
} from "../../shared/series/series_store.ts";
import type { DepthEntry, DepthQuery, DepthStore } from "../../shared/series/depth_store.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Caller } from "../access/caller.ts";
import { callerOf } from "../access/request_caller.ts";
import { label } from "../http/label.ts";
import { fieldProblem } from "../http/problem.ts";
import { parseQuery } from "../http/query.ts";
import { time } from "../http/time.ts";

/** Seconds for which series are kept. */
const RETENTION = 72 * 3600;
/** Default time range, seconds. */
const RANGE = 3600;
/** Maximum number of points of each series. */
const POINTS_MAX = 1440;
/** Maximum entries that are read from the database. */
const ENTRIES_MAX = 50_000;
const MINUTE = 60;
/** Seconds of the spans whose sums the database has. */
const SPAN = 1200;

/** Query of the series, also for the OpenAPI document. */
export const SeriesQueryParameters = z.object({
  since: time.describe("Begin; default one hour before `until`, at most 72 hours ago"),
  until: time.describe("End, exclusive; default now"),
  step: z.coerce.number().int().min(MINUTE).max(RETENTION).multipleOf(MINUTE).describe(
    "Seconds per point, a multiple of 60; default: a step that gives at most 120 points",
  ),
  task: label.describe("Name of the task"),
  queue: label.describe("Name of the queue"),
  by: z.enum(["task", "queue"]).describe("One series for each task or queue; default: one for all"),
  buckets: z.enum(["true", "false"]).describe(
    "Whether points contain the counts of each bucket; default false",
  ),
}).partial();

/** Query of the depths, also for the OpenAPI document. */
export const DepthQueryParameters = SeriesQueryParameters.pick({
  since: true,
  until: true,
  step: true,
  queue: true,
});

/** Dependencies of the routes. */
export interface SeriesParts {
  readonly store: Pick<SeriesStore, "read">;
  readonly depths: Pick<DepthStore, "read">;
}

/** The series of one task, one queue or all. */
interface Series {
  readonly task: string | null;
  readonly queue: string | null;
  /** By time, milliseconds since the epoch. */
  readonly points: Map<number, SeriesCounts>;
}

/** Reads series and depths. Steps without a task have no point in a series. */
export function seriesRoutes({ store, depths, clock }: SeriesParts & { clock: Clock }): Hono {
  return new Hono().get("/queue-depths", async (c) => {
    const given = parseQuery(DepthQueryParameters, c.req.queries());
    const { queue } = given;
    const range = rangeOf(given, clock.now());
    const query = { ...range, ...(queue !== undefined && { queue }) };
    const entries = await readDepths(depths, query, callerOf(c));
    const byQueue = Map.groupBy(entries, (entry) => entry.queue);
    const queues = Array.from(byQueue, ([name, points]) => ({
      queue: name,
      points: points.map(({ at, ready }) => ({ at, ready })),
    }));
    return c.json({ ...range, queues }, 200, { "cache-control": "no-store" });
  }).get("/series", async (c) => {
    const given = parseQuery(SeriesQueryParameters, c.req.queries());
    const { since, until, step } = rangeOf(given, clock.now());
    const { task, queue, by } = given;
    const named = { ...(task !== undefined && { task }), ...(queue !== undefined && { queue }) };
    const caller = callerOf(c);
    const query = { since, until, step, ...named };
    const seen = await readEntries(store, query, caller, by);
    const series = grouped(seen, by);
    return c.json(
      {
        since,
        until,
        step,
        bounds: BOUNDS,
        series: series.map((one) => seriesBody(one, given.buckets === "true")),
      },
      200,
      { "cache-control": "no-store" },
    );
  });
}

/** Reads the points that a caller sees: of single tasks and queues if its patterns decide, else added up.
 *
 * @param by what is not added up; default: nothing
 * @throws {Problem} `invalid-input` if there are too many: without the last ones, sums would be wrong */
export async function readEntries(
  store: Pick<SeriesStore, "read">,
  query: SeriesQuery,
  caller: Caller,
  by?: "task" | "queue",
): Promise<SeriesEntry[]> {
  const addUp = { tasks: by !== "task", queues: by !== "queue" };
  const entries = await store.read(
    caller.seesEverything ? { ...query, addUp } : query,
    ENTRIES_MAX + 1,
  );
  if (entries.length <= ENTRIES_MAX) {
    return entries.filter(({ task, queue }) =>
      caller.seesEverything || caller.sees({ name: task, queue })
    );
  }
  throw fieldProblem(
    "step",
    `the range has more than ${ENTRIES_MAX} points of single tasks: choose a longer step, a shorter range, or one task`,
  );
}

/** Reads the depths of the queues that a caller sees.
 *
 * @throws {Problem} `invalid-input` if there are too many */
export async function readDepths(
  depths: Pick<DepthStore, "read">,
  query: DepthQuery,
  caller: Caller,
): Promise<DepthEntry[]> {
  const entries = await depths.read(query, ENTRIES_MAX + 1);
  if (entries.length > ENTRIES_MAX) {
    throw fieldProblem(
      "step",
      `the range has more than ${ENTRIES_MAX} points: choose a longer step, a shorter range, or one queue`,
    );
  }
  return entries.filter(({ queue }) => caller.sees({ name: null, queue }));
}

/** @throws {Problem} `invalid-input` */
function rangeOf(
  given: { since?: string | undefined; until?: string | undefined; step?: number | undefined },
  now: Date,
): { since: Date; until: Date; step: number } {
  const until = given.until === undefined ? now.getTime() / 1000 : Date.parse(given.until) / 1000;
  const begin = given.since === undefined ? until - RANGE : Date.parse(given.since) / 1000;
  if (begin >= until) throw fieldProblem("since", "expected a time before `until`");
  const start = Math.max(begin, now.getTime() / 1000 - RETENTION);
  const least = (until - start) / 120;
  const unit = least > SPAN / 2 ? SPAN : MINUTE;
  const { step = unit * Math.max(1, Math.ceil(least / unit)) } = given;
  if ((until - start) / step > POINTS_MAX) {
    throw fieldProblem("step", `expected at most ${POINTS_MAX} points: choose a longer step`);
  }
  // Aligned, so that the points of two calls are equal.
  const since = Math.floor(start / step) * step;
  return { since: new Date(since * 1000), until: new Date(until * 1000), step };
}

function grouped(entries: readonly SeriesEntry[], by: "task" | "queue" | undefined): Series[] {
  const all = new Map<string, Series>();
  if (by === undefined) all.set("", { task: null, queue: null, points: new Map() });
  for (const entry of entries) {
    const key = by === undefined ? "" : entry[by];
    let series = all.get(key);
    if (!series) {
      series = {
        task: by === "task" ? key : null,
        queue: by === "queue" ? key : null,
        points: new Map(),
      };
      all.set(key, series);
    }
    const at = entry.at.getTime();
    const before = series.points.get(at);
    series.points.set(at, before ? addCounts(before, entry) : entry);
  }
  return [...all.values()];
}

/** The sum of two entries. */
export function addCounts(one: SeriesCounts, other: SeriesCounts): SeriesCounts {
  const counts = Object.fromEntries(COUNTED.map((name) => [name, one[name] + other[name]]));
  return {
    ...counts as Record<Counted, number>,
    runs: addHistograms(one.runs, other.runs),
    waits: addHistograms(one.waits, other.waits),
  };
}

function seriesBody({ task, queue, points }: Series, buckets: boolean) {
  return {
    task,
    queue,
    points: Array.from(points, ([at, { runs, waits, ...counts }]) => ({
      at: new Date(at),
      ...Object.fromEntries(COUNTED.map((name) => [name, counts[name]])),
      run: histogramBody(runs, buckets),
      wait: histogramBody(waits, buckets),
    })),
  };
}

function histogramBody(histogram: Histogram, buckets: boolean) {
  const count = total(histogram);
  return {
    count,
    mean: count === 0 ? null : histogram.sum / count,
    p50: quantile(histogram, 0.5),
    p95: quantile(histogram, 0.95),
    p99: quantile(histogram, 0.99),
    ...(buckets && { buckets: histogram.counts }),
  };
}
