/** `/v1/pauses`, `/v1/queues/{queue}/pause` and `/v1/tasks/{task}/pause`: pause and resume queues and tasks. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import type { PauseKey, PauseScope } from "../../shared/flow/pause.ts";
import type { PauseStore, StoredPause } from "../../shared/flow/pause_store.ts";
import { closest } from "../../shared/text/closest.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import type { Caller } from "../access/caller.ts";
import { callerOf } from "../access/request_caller.ts";
import { readJsonText } from "../http/body.ts";
import { Problem } from "../http/problem.ts";
import { parseQuery, readQuery } from "../http/query.ts";
import { parseStrict } from "../http/strict_json.ts";
import { strictRefusal } from "../http/strict_object.ts";
import type { SubmissionRules } from "../submitting/submission.ts";

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

/** Dependencies of the routes. */
export interface PausesParts {
  readonly store: Pick<PauseStore, "list" | "find" | "pause" | "resume">;
  /** Called after a resume: its messages can be made due. */
  resumed(): void;
}

/** Lists, sets and ends pauses. Workers use a change within a second or two. */
export function pauseRoutes(
  { store, resumed, rules, trail }: PausesParts & { rules: SubmissionRules; trail: AuditTrail },
): Hono {
  const set = (scope: PauseScope) => async (c: Context) => {
    const key = keyOf(c, scope);
    readQuery(c.req.queries(), []);
    const { reason = null } = readPause(await jsonOf(c));
    checkKnown(key, rules);
    requirePausing(callerOf(c), key, rules);
    await trail.begin(c, { target: targetOf(key), filter: { reason } });
    const pause = await store.pause(key, { reason, by: callerOf(c).id });
    return c.json(pauseBody(pause), 200, NO_STORE);
  };
  const end = (scope: PauseScope) => async (c: Context) => {
    const key = keyOf(c, scope);
    const { rate = null } = parseQuery(ResumeQuery, c.req.queries());
    requirePausing(callerOf(c), key, rules);
    if (!await store.find(key)) throw noPause(key);
    await trail.begin(c, { target: targetOf(key), filter: { rate } });
    const pause = await store.resume(key, { rate });
    if (!pause) throw noPause(key);
    resumed();
    return c.json(pauseBody(pause), 200, NO_STORE);
  };
  return new Hono()
    .get("/pauses", async (c) => {
      readQuery(c.req.queries(), []);
      const caller = callerOf(c);
      const pauses = (await store.list()).filter((pause) => mayPause(caller, pause, rules));
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

function targetOf({ scope, name }: PauseKey): string {
  return `${scope}:${name}`;
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

/** Refuses names that no worker of this app uses: a typing error would pause nothing.
 *
 * @throws {Problem} `unknown-task` or `unknown-queue` */
function checkKnown(
  { scope, name }: PauseKey,
  { registry, queues, foreignQueues }: SubmissionRules,
): void {
  if (scope === "task") {
    if (registry.get(name)) return;
    const near = registry.suggest(name);
    throw new Problem(
      "unknown-task",
      `Cannot pause task '${name.slice(0, 255)}' because no contract has that name: ${
        near ? `did you mean '${near}'?` : "see /openapi.json"
      }`,
    );
  }
  if (queues.has(name) || foreignQueues.has(name)) return;
  const near = closest(name, [...queues, ...foreignQueues]);
  throw new Problem(
    "unknown-queue",
    `Cannot pause queue '${
      name.slice(0, 255)
    }' because it is neither a contract's nor listed in CELERIAC_FOREIGN_QUEUES: ${
      near ? `did you mean '${near}'?` : "check its name"
    }`,
  );
}

/** Whether the caller's patterns match what the pause concerns. A queue concerns all its tasks. */
function mayPause(caller: Caller, { scope, name }: PauseKey, { registry }: SubmissionRules) {
  if (scope === "queue") return caller.sees({ name: null, queue: name });
  return caller.sees({ name, queue: registry.get(name)?.queue ?? null });
}

/** @throws {Problem} `forbidden` */
function requirePausing(caller: Caller, key: PauseKey, rules: SubmissionRules): void {
  if (mayPause(caller, key, rules)) return;
  throw new Problem(
    "forbidden",
    `Cannot pause or resume ${key.scope} '${
      key.name.slice(0, 255)
    }' because '${caller.name}' is limited to other tasks or queues: use a key whose patterns include ${
      key.scope === "queue" ? "the queue and all tasks" : "them"
    }`,
  );
}

function noPause({ scope, name }: PauseKey): Problem {
  return new Problem(
    "no-pause",
    `Cannot resume ${scope} '${
      name.slice(0, 255)
    }' because it is not paused: GET /v1/pauses lists the pauses`,
  );
}
