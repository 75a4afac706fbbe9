/** `/workers` and `/queues`: what the workers report. */
import { Hono } from "hono";
import { html } from "hono/html";
import type { Registry } from "../../../shared/contracts/registry.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import type { StoredPause } from "../../../shared/flow/pause_store.ts";
import type { PauseActions } from "../../actions/pause_actions.ts";
import { callerOf } from "../../access/request_caller.ts";
import { visibleWorkers } from "../../reading/visible_workers.ts";
import type { WorkerSurvey } from "../../reading/worker_survey.ts";
import { answerPage } from "../view/layout.ts";
import { notice } from "../view/parts.ts";
import { type Site, View } from "../view/view.ts";
import { queuesPage, workersPage } from "./worker_pages.ts";

/** Dependencies of the routes. */
export interface WorkerRoutesParts {
  readonly survey: Pick<WorkerSurvey, "read">;
  readonly registry: Registry;
  /** Queues of other systems that requests may use. */
  readonly foreignQueues: readonly string[];
  readonly pauseActions: PauseActions;
  readonly site: Site;
}

/** Serves the pages. Each surveys the workers, which takes a second. */
export function workerRoutes(parts: WorkerRoutesParts): Hono {
  const { survey, registry, foreignQueues, pauseActions, site } = parts;
  return new Hono()
    .get("/workers", async (c) => {
      const view = new View(c, site);
      const workers = visibleWorkers(callerOf(c), await survey.read());
      return answerPage(c, view, {
        title: view.texts.workers.title,
        current: "/workers",
        body: workersPage(view, workers),
      });
    })
    .get("/queues", async (c) => {
      const view = new View(c, site);
      const [workers, pauses] = await Promise.all([
        survey.read(),
        view.can("tasks:read") ? knownPauses(pauseActions.list(c)) : [],
      ]);
      return answerPage(c, view, {
        title: view.texts.queues.title,
        current: "/queues",
        body: html`${notice(view, c.req.query("done"))}${
          queuesPage(view, {
            registry,
            foreignQueues,
            workers,
            pauses,
            allows: (name) => pauseActions.allows(c, { scope: "queue", name }),
          })
        }`,
      });
    });
}

/** The workers reply without the database too: then the page shows no pauses. */
function knownPauses(reading: Promise<StoredPause[]>): Promise<StoredPause[]> {
  return reading.catch((error) => {
    if (error instanceof DatabaseUnavailable) return [];
    throw error;
  });
}
