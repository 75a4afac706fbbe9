/** `/charts`. */
import { Hono } from "hono";
import type { DepthEntry } from "../../../shared/series/depth_store.ts";
import type { SeriesCounts } from "../../../shared/series/series_store.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { callerOf } from "../../access/request_caller.ts";
import { isLabel } from "../../http/label.ts";
import { addCounts, readDepths, readEntries, type SeriesParts } from "../../routes/series.ts";
import { answerPage } from "../view/layout.ts";
import { type Site, View } from "../view/view.ts";
import { chartPage, type Point, type Range, RANGES } from "./chart_page.ts";

/** Dependencies of the route. */
export interface ChartRoutesParts {
  readonly series: SeriesParts;
  readonly clock: Clock;
  readonly site: Site;
}

/** Queues with a line of their own. */
const DEEPEST_MAX = 5;

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
    const caller = callerOf(c);
    const [entries, depths] = await Promise.all([
      readEntries(series.store, { since, until, step, ...named }, caller),
      task === ""
        ? readDepths(series.depths, {
          since,
          until,
          step,
          ...(isLabel(queue) && { queue }),
        }, caller)
        : [],
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
    return answerPage(c, view, {
      title: view.texts.charts.title,
      current: "/charts",
      body: chartPage(view, { range, task, queue, points, deepest: deepestOf(depths) }),
    });
  });
}

/** Queues by their greatest depth. */
function deepestOf(depths: readonly DepthEntry[]): string[] {
  const most = new Map<string, number>();
  for (const { queue, ready } of depths) most.set(queue, Math.max(ready, most.get(queue) ?? 0));
  return [...most].toSorted(([a, one], [b, other]) => other - one || (a < b ? -1 : 1))
    .slice(0, DEEPEST_MAX).map(([queue]) => queue);
}
