/** `/tasks/{id}/why` of the page. */
import { Hono } from "hono";
import { callerOf } from "../../access/request_caller.ts";
import { type FactReader, FACTS_MS } from "../../explaining/fact_reader.ts";
import { isLabel } from "../../http/label.ts";
import { noRecord } from "../../http/query.ts";
import { explanationFor } from "../../routes/why.ts";
import { limitTime } from "../deadline.ts";
import { answerPage } from "../view/layout.ts";
import { type Site, View } from "../view/view.ts";
import { whyPage } from "./why_page.ts";

/** Dependencies of the route. */
export interface WhyRoutesParts {
  readonly facts: Pick<FactReader, "read">;
  readonly site: Site;
}

/** Serves the page. It has more time than others: while a server is silent, it says which facts it could not read. */
export function whyRoutes({ facts, site }: WhyRoutesParts): Hono {
  return new Hono().get("/tasks/:task/why", limitTime(FACTS_MS), async (c) => {
    const id = c.req.param("task");
    if (!isLabel(id)) throw noRecord(id);
    const view = new View(c, site);
    return answerPage(c, view, {
      title: view.texts.why.title,
      body: whyPage(view, id, explanationFor(callerOf(c), await facts.read(id))),
    });
  });
}
