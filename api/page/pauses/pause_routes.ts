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
import type { PauseOrigin } from "./pause_actions.ts";
import { pausesPage } from "./pause_page.ts";

/** Dependencies of the routes. */
export interface PauseRoutesParts {
  readonly pauseActions: PauseActions;
  readonly registry: Registry;
  /** Queues of other systems that requests may use. */
  readonly foreignQueues: readonly string[];
  readonly site: Site;
}

/** Maximum messages per second, as in the API. */
const RATE_MAX = 1_000_000;

/** The page to come back to. */
const Origin = z.enum(["pauses", "queues"]).default("pauses");

const PauseForm = z.object({
  target: z.string().regex(/^(queue|task):.+$/s),
  reason: z.string().max(1000).default(""),
  from: Origin,
});

/** A resume that is repeated changes the rate. An empty rate means all at once. */
const ResumeForm = z.object({
  rate: z.union([
    z.literal("").transform(() => null),
    z.string().pipe(z.coerce.number<string>().positive().max(RATE_MAX)),
  ], { error: "expected messages per second, or nothing for all at once" }).default(null),
  from: Origin,
});

/** Serves the page and its actions. */
export function pauseRoutes(parts: PauseRoutesParts): Hono {
  const { pauseActions, registry, foreignQueues, site } = parts;
  const back = (c: Context, from: PauseOrigin, done: keyof View["texts"]["done"]) =>
    c.redirect(new View(c, site).path(`/${from}?done=${done}`), 303);

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
      const { target, reason, from } = await readForm(c, PauseForm);
      const at = target.indexOf(":");
      const key = keyOf(target.slice(0, at), target.slice(at + 1));
      await pauseActions.pause(c, key, reason.trim() === "" ? null : reason);
      return back(c, from, "paused");
    })
    .post("/pauses/:scope/:name/resume", async (c) => {
      const { rate, from } = await readForm(c, ResumeForm);
      await pauseActions.resume(c, keyOf(c.req.param("scope"), c.req.param("name")), rate);
      return back(c, from, "resumed");
    });
}

/** @throws {Problem} `invalid-input` */
function keyOf(given: string, name: string): PauseKey {
  const scope = PAUSE_SCOPES.find((one) => one === given);
  if (scope === undefined) throw fieldProblem("scope", "expected queue or task");
  return { scope, name };
}
