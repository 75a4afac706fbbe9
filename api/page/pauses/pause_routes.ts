/** `/pauses`: pauses of queues and tasks. */
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { z } from "zod";
import type { Registry } from "../../../shared/contracts/registry.ts";
import { PAUSE_SCOPES, type PauseKey } from "../../../shared/flow/pause.ts";
import type { PauseActions } from "../../actions/pause_actions.ts";
import { fieldProblem } from "../../http/problem.ts";
import { readForm } from "../form.ts";
import { answerPage } from "../view/layout.ts";
import { notice } from "../view/parts.ts";
import { type Site, View } from "../view/view.ts";
import { pausesPage } from "./pause_page.ts";

/** Dependencies of the routes. */
export interface PauseRoutesParts {
  readonly pauseActions: PauseActions;
  readonly registry: Registry;
  /** Queues of other systems that requests may use. */
  readonly foreignQueues: readonly string[];
  readonly site: Site;
}

const PauseForm = z.object({
  target: z.string().regex(/^(queue|task):.+$/s),
  reason: z.string().max(1000).default(""),
});

/** Serves the page and its actions. */
export function pauseRoutes(parts: PauseRoutesParts): Hono {
  const { pauseActions, registry, foreignQueues, site } = parts;
  const back = (c: Context, done: keyof View["texts"]["done"]) =>
    c.redirect(new View(c, site).path(`/pauses?done=${done}`), 303);

  const choices = (c: Context): PauseKey[] =>
    [
      ...[...new Set([...registry.queues, ...foreignQueues])].sort()
        .map((name): PauseKey => ({ scope: "queue", name })),
      ...[...registry].map(({ name }): PauseKey => ({ scope: "task", name })),
    ].filter((key) => pauseActions.allows(c, key));

  return new Hono()
    .get("/pauses", async (c) => {
      const view = new View(c, site);
      const page = { pauses: await pauseActions.list(c), choices: choices(c) };
      return answerPage(c, view, {
        title: view.texts.pauses.title,
        current: "/pauses",
        body: html`${notice(view, c.req.query("done"))}${pausesPage(view, page)}`,
      });
    })
    .post("/pauses", async (c) => {
      const { target, reason } = await readForm(c, PauseForm);
      const at = target.indexOf(":");
      const key = keyOf(target.slice(0, at), target.slice(at + 1));
      await pauseActions.pause(c, key, reason.trim() === "" ? null : reason);
      return back(c, "paused");
    })
    .post("/pauses/:scope/:name/resume", async (c) => {
      await pauseActions.resume(c, keyOf(c.req.param("scope"), c.req.param("name")), null);
      return back(c, "resumed");
    });
}

/** @throws {Problem} `invalid-input` */
function keyOf(given: string, name: string): PauseKey {
  const scope = PAUSE_SCOPES.find((one) => one === given);
  if (scope === undefined) throw fieldProblem("scope", "expected queue or task");
  return { scope, name };
}
