/** `/charts`. */
import { Hono } from "hono";
import type { SeriesCounts } from "../../../shared/series/series_store.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { callerOf } from "../../access/request_caller.ts";
import { isLabel } from "../../http/label.ts";
import { addCounts, readEntries, type SeriesParts } from "../../routes/series.ts";
import { answerPage } from "../view/layout.ts";
import { type Site, View } from "../view/view.ts";
import { chartPage, type Point, type Range, RANGES } from "./chart_page.ts";

/** Dependencies of the route. */
export interface ChartRoutesParts {
  readonly series: SeriesParts;
  readonly clock: Clock;
  readonly site: Site;
}

/** Serves the charts. */
export function chartRoutes({ series, clock, site }: ChartRoutesParts): Hono {
  return new Hono().get("/charts", async (c) => {
    const view = new View(c, site);
    const { range: given = "", task = "", queue = "" } = c.req.query();
    const range = Object.hasOwn(RANGES, given) ? given as Range : "1h";
    const { seconds, step } = RANGES[range];
    // The current step is shown, too.
    const end = Math.floor(clock.now().getTime() / 1000 / step) * step + step;
    const since = new Date((end - seconds) * 1000);
    const until = new Date(end * 1000);
    const named = { ...(isLabel(task) && { task }), ...(isLabel(queue) && { queue }) };
    const entries = await readEntries(series.store, { since, until, step, ...named });
    const caller = callerOf(c);
    const sums = new Map<number, SeriesCounts>();
    for (const entry of entries) {
      if (!caller.sees({ name: entry.task, queue: entry.queue })) continue;
      const at = entry.at.getTime();
      const before = sums.get(at);
      sums.set(at, before ? addCounts(before, entry) : entry);
    }
    const points = Array.from({ length: seconds / step }, (_, index): Point => {
      const at = new Date(since.getTime() + index * step * 1000);
      const counts = sums.get(at.getTime());
      return { at, ...(counts && { counts }) };
    });
    return answerPage(c, view, {
      title: view.texts.charts.title,
      current: "/charts",
      body: chartPage(view, { range, task, queue, points }),
    });
  });
}
