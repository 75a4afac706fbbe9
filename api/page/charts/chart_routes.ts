/** `/charts`. */
import { Hono } from "hono";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { callerOf } from "../../access/request_caller.ts";
import { isLabel } from "../../http/label.ts";
import type { SeriesParts } from "../../routes/series.ts";
import { answerPage } from "../view/layout.ts";
import { type Site, View } from "../view/view.ts";
import { chartPage } from "./chart_page.ts";
import { type Range, RANGES, readPoints } from "./chart_points.ts";

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
    const query = {
      range,
      ...(isLabel(task) && { task }),
      ...(isLabel(queue) && { queue }),
      withDepths: task === "",
    };
    const read = await readPoints(series, query, { caller: callerOf(c), now: clock.now() });
    return answerPage(c, view, {
      title: view.texts.charts.title,
      current: "/charts",
      body: chartPage(view, { range, task, queue, ...read }),
    });
  });
}
