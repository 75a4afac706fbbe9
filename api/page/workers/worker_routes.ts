/** `/workers` and `/queues`: what the workers report, and commands to them. */
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { z } from "zod";
import type { Registry } from "../../../shared/contracts/registry.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import type { StoredPause } from "../../../shared/flow/pause_store.ts";
import type { PauseActions } from "../../actions/pause_actions.ts";
import { SLOTS_MAX, type WorkerActions } from "../../actions/worker_actions.ts";
import { callerOf } from "../../access/request_caller.ts";
import { visibleWorkers } from "../../reading/visible_workers.ts";
import type { WorkerSurvey } from "../../reading/worker_survey.ts";
import { readForm } from "../form.ts";
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
  readonly workerActions: WorkerActions;
  readonly site: Site;
}

const PoolForm = z.object({
  command: z.enum(["pool_grow", "pool_shrink"]),
  slots: z.coerce.number<string>().int().min(1).max(SLOTS_MAX),
});

/** Serves the pages and the actions of a worker. Each page surveys the workers, which takes a second. */
export function workerRoutes(parts: WorkerRoutesParts): Hono {
  const { survey, registry, foreignQueues, pauseActions, workerActions, site } = parts;
  const back = (c: Context, done: keyof View["texts"]["done"]) =>
    c.redirect(new View(c, site).path(`/workers?done=${done}`), 303);
  return new Hono()
    .get("/workers", async (c) => {
      const view = new View(c, site);
      const workers = visibleWorkers(callerOf(c), await survey.read());
      return answerPage(c, view, {
        title: view.texts.workers.title,
        current: "/workers",
        body: html`${notice(view, c.req.query("done"))}${
          workersPage(view, workers, {
            isController: view.can("workers:control") && workerActions.allows(c),
          })
        }`,
      });
    })
    .post("/workers/:worker/shutdown", async (c) => {
      await workerActions.send(c, c.req.param("worker"), { method: "shutdown" });
      return back(c, "shutdownSent");
    })
    .post("/workers/:worker/pool", async (c) => {
      const { command: method, slots } = await readForm(c, PoolForm);
      const { reply } = await workerActions.send(c, c.req.param("worker"), { method, slots });
      return back(c, reply === null ? "poolSent" : "poolResized");
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
