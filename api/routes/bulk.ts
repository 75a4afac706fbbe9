/** `POST /v1/tasks:revoke`, `:retry` and `:rerun`, and `/v1/bulk-jobs`: changes of many tasks in the background. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import { type BulkActions, BulkFilterBody, requireFilter } from "../actions/bulk_actions.ts";
import { callerOf } from "../access/request_caller.ts";
import type { BulkAction, BulkJob } from "../bulk/bulk_job.ts";
import { readJsonText } from "../http/body.ts";
import { idempotencyKey } from "../http/preferences.ts";
import { refusal } from "../http/problem.ts";
import { readQuery } from "../http/query.ts";
import { parseStrict } from "../http/strict_json.ts";

/** Body of a retry or a rerun, also for the OpenAPI document. */
export const BulkBody = z.strictObject({
  filter: BulkFilterBody.describe("Which tasks; `{}` matches all"),
  dry_run: z.boolean().optional().describe("Only count the tasks"),
});

/** Body of a revoke, also for the OpenAPI document. */
export const BulkRevokeBody = BulkBody.extend({
  terminate: z.boolean().optional().describe("Also terminate running tasks; default false"),
});

const NO_STORE = { "cache-control": "no-store" };

/** Starts, lists, shows and stops bulk jobs. */
export function bulkRoutes(actions: BulkActions): Hono {
  const start = (action: BulkAction) => async (c: Context) => {
    const schema = action === "revoke" ? BulkRevokeBody : BulkBody;
    const { filter, dry_run = false, terminate = false } = await readBulkBody(c, schema);
    if (dry_run) {
      const { matched, states, complete, frozenAt } = await actions.preview(c, filter);
      return c.json({ dry_run, matched, states, complete, until: frozenAt }, 200, NO_STORE);
    }
    const key = idempotencyKey(c.req.header("idempotency-key"));
    const job = await actions.start(c, { action, filter, terminate, key });
    return c.json(jobBody(job, c), 202, {
      ...NO_STORE,
      location: `/v1/bulk-jobs/${job.id}`,
    });
  };
  return new Hono()
    .post("/tasks:revoke", start("revoke"))
    .post("/tasks:retry", start("retry"))
    .post("/tasks:rerun", start("rerun"))
    .get("/bulk-jobs", async (c) => {
      readQuery(c.req.queries(), []);
      const jobs = await actions.list(c);
      return c.json({ bulk_jobs: jobs.map((job) => jobBody(job, c)) }, 200, NO_STORE);
    })
    .get("/bulk-jobs/:job", async (c) => {
      readQuery(c.req.queries(), []);
      return c.json(jobBody(await actions.find(c, c.req.param("job")), c), 200, NO_STORE);
    })
    .post("/bulk-jobs/:job/stop", async (c) => {
      readQuery(c.req.queries(), []);
      return c.json(jobBody(await actions.stop(c, c.req.param("job")), c), 200, NO_STORE);
    });
}

/** A job as JSON. Reasons may contain data of tasks. */
export function jobBody(job: BulkJob, c: Context) {
  const { id, action, terminate, filter, frozenAt, matched, done, refused, caller } = job;
  return {
    id,
    action,
    ...(action === "revoke" && { terminate }),
    filter: { ...filter, until: frozenAt },
    state: job.endedAt === null ? "RUNNING" : job.stopped === null ? "ENDED" : "STOPPED",
    matched,
    done,
    refused,
    refusals: callerOf(c).has("tasks:read-data")
      ? job.refusals
      : job.refusals.map((one) => ({ id: one.id, reason: null })),
    stopped: job.stopped,
    started_by: caller.id,
    created_at: job.createdAt,
    ended_at: job.endedAt,
  };
}

/** @throws {Problem} `invalid-input` naming every invalid field */
async function readBulkBody(
  c: Context,
  schema: typeof BulkBody | typeof BulkRevokeBody,
): Promise<z.output<typeof BulkRevokeBody>> {
  const text = await readJsonText(c.req.raw, DEFAULT_BODY_LIMIT);
  const body = text === undefined ? {} : parseStrict(text);
  requireFilter(body);
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw refusal("the body", parsed.error.issues, (issue) => ({
    field: [...issue.path, ...("keys" in issue ? issue.keys.slice(0, 1) : [])].join("."),
    message: issue.message,
  }));
}
