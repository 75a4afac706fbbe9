/** `/v1/pauses`, `/v1/queues/{queue}/pause` and `/v1/tasks/{task}/pause`: pause and resume queues and tasks. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import type { PauseKey, PauseScope } from "../../shared/flow/pause.ts";
import type { StoredPause } from "../../shared/flow/pause_store.ts";
import type { PauseActions } from "../actions/pause_actions.ts";
import { readJsonText } from "../http/body.ts";
import { parseQuery, readQuery } from "../http/query.ts";
import { parseStrict } from "../http/strict_json.ts";
import { strictRefusal } from "../http/strict_object.ts";

/** Body of a pause, also for the OpenAPI document. */
export const PauseBody = z.strictObject({
  reason: z.string().min(1).max(1000).describe("Why, for people; default none"),
}).partial();

/** Query of a resume, also for the OpenAPI document. */
export const ResumeQuery = z.object({
  rate: z.coerce.number().positive().max(1_000_000).describe(
    "Parked messages per second that are sent again; default: all at once",
  ),
}).partial();

/** Lists, sets and ends pauses. Workers use a change within a second or two. */
export function pauseRoutes(actions: PauseActions): Hono {
  const set = (scope: PauseScope) => async (c: Context) => {
    readQuery(c.req.queries(), []);
    const { reason = null } = readPause(await jsonOf(c));
    return c.json(pauseBody(await actions.pause(c, keyOf(c, scope), reason)), 200, NO_STORE);
  };
  const end = (scope: PauseScope) => async (c: Context) => {
    const { rate = null } = parseQuery(ResumeQuery, c.req.queries());
    return c.json(pauseBody(await actions.resume(c, keyOf(c, scope), rate)), 200, NO_STORE);
  };
  return new Hono()
    .get("/pauses", async (c) => {
      readQuery(c.req.queries(), []);
      const pauses = await actions.list(c);
      return c.json({ pauses: pauses.map(pauseBody) }, 200, NO_STORE);
    })
    .put("/queues/:queue/pause", set("queue"))
    .delete("/queues/:queue/pause", end("queue"))
    .put("/tasks/:task/pause", set("task"))
    .delete("/tasks/:task/pause", end("task"));
}

const NO_STORE = { "cache-control": "no-store" };

function keyOf(c: Context, scope: PauseScope): PauseKey {
  return { scope, name: c.req.param(scope)! };
}

function pauseBody(pause: StoredPause) {
  const { scope, name, reason, pausedBy, pausedAt, resumedAt, rate, parked, parkedBytes } = pause;
  return {
    scope,
    name,
    state: resumedAt === null ? "paused" : "resuming",
    reason,
    paused_by: pausedBy,
    paused_at: pausedAt,
    resumed_at: resumedAt,
    rate,
    parked,
    parked_bytes: parkedBytes,
  };
}

async function jsonOf(c: Context): Promise<unknown> {
  const text = await readJsonText(c.req.raw, DEFAULT_BODY_LIMIT);
  return text === undefined ? {} : parseStrict(text);
}

function readPause(body: unknown): z.output<typeof PauseBody> {
  const parsed = PauseBody.safeParse(body);
  if (parsed.success) return parsed.data;
  throw strictRefusal(parsed.error, {
    what: "the body",
    known: Object.keys(PauseBody.shape),
    unknown: "unknown field",
  });
}
