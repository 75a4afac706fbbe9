/** `/workers` and `/queues`: what the workers report. */
import { Hono } from "hono";
import type { Registry } from "../../../shared/contracts/registry.ts";
import { callerOf } from "../../access/request_caller.ts";
import type { WorkerSurvey } from "../../reading/worker_survey.ts";
import { answerPage } from "../view/layout.ts";
import { type Site, View } from "../view/view.ts";
import { queuesPage, workersPage } from "./worker_pages.ts";

/** Dependencies of the routes. */
export interface WorkerRoutesParts {
  readonly survey: Pick<WorkerSurvey, "read">;
  readonly registry: Registry;
  /** Queues of other systems that requests may use. */
  readonly foreignQueues: readonly string[];
  readonly site: Site;
}

/** Serves the pages. Each asks the workers, which takes a second. */
export function workerRoutes({ survey, registry, foreignQueues, site }: WorkerRoutesParts): Hono {
  return new Hono()
    .get("/workers", async (c) => {
      const view = new View(c, site);
      const caller = callerOf(c);
      // Other tasks do not exist for a limited caller.
      const workers = (await survey.read()).map(({ active, ...worker }) => ({
        ...worker,
        active: active.filter((task) => caller.seesEverything || caller.sees(task)),
      }));
      return answerPage(c, view, {
        title: view.texts.workers.title,
        current: "/workers",
        body: workersPage(view, workers),
      });
    })
    .get("/queues", async (c) => {
      const view = new View(c, site);
      const workers = await survey.read();
      return answerPage(c, view, {
        title: view.texts.queues.title,
        current: "/queues",
        body: queuesPage(view, { registry, foreignQueues, workers }),
      });
    });
}
