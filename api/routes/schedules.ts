/** `/v1/schedules`: periodic tasks. */
import type { Clock } from "../../shared/runtime/clock.ts";
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { ScheduleStore } from "../../shared/schedules/store.ts";
import type { StoredSchedule } from "../../shared/schedules/stored_schedule.ts";
import { scheduledSubmission } from "../../shared/schedules/scheduled_submission.ts";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import { readJsonText } from "../http/body.ts";
import { isLabel, nameCursor } from "../http/label.ts";
import { parseStrict } from "../http/strict_json.ts";
import { Problem } from "../http/problem.ts";
import { parseQuery } from "../http/query.ts";
import { readSchedule, scheduleBody } from "../submitting/schedule.ts";
import type { SubmissionRules } from "../submitting/submission.ts";
import type { Submitter } from "../submitting/submitter.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import type { Caller } from "../access/caller.ts";
import { attributed, callerOf, requireSignature } from "../access/request_caller.ts";
import type { AuditCounter } from "../access/audit_counter.ts";
import type { TaskRouter } from "../../shared/outbox/task_router.ts";
import { acceptedBody } from "../submitting/accepted_body.ts";

/** Dependencies of the routes. */
export interface ScheduleParts {
  readonly schedules: Schedules;
  readonly rules: SubmissionRules;
  readonly submitter: Submitter;
  readonly clock: Clock;
  /** Finds the queue of tasks that name none. */
  readonly routes: TaskRouter;
  readonly trail: AuditTrail;
  /** Counts accepted tasks for the audit log. */
  readonly counter: Pick<AuditCounter, "add">;
}

/** The store of schedules. */
export type Schedules = Pick<
  ScheduleStore,
  "list" | "find" | "add" | "remove" | "pause" | "leader"
>;

const runs = z.coerce.number().int().min(0).max(1000);

/** Query of the list, also for the OpenAPI document. */
export const SchedulesQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).describe("Schedules per page; default 100"),
  cursor: nameCursor,
}).partial();

/** Query of one schedule, also for the OpenAPI document. */
export const ScheduleQuery = z.object({
  runs: runs.describe("Number of next due times; default 5"),
}).partial();

/** Creates, lists, pauses, resumes, triggers and removes schedules. The scheduler (`deno task beat`) sends their tasks. */
export function scheduleRoutes(parts: ScheduleParts): Hono {
  const { schedules, rules, submitter, clock, routes, trail, counter } = parts;
  const queueOf = (signature: Parameters<TaskRouter["queueOf"]>[0]) => routes.queueOf(signature);
  const sees = (caller: Caller, { signature }: StoredSchedule) =>
    caller.seesEverything ||
    caller.sees({ name: signature.task, queue: queueOf(signature) });
  const find = async (c: Context, name: string): Promise<StoredSchedule> => {
    const schedule = isLabel(name) ? await schedules.find(name) : undefined;
    if (!schedule || !sees(callerOf(c), schedule)) throw noSchedule(name);
    return schedule;
  };
  const json = (schedule: StoredSchedule, runs = 5) =>
    scheduleBody(schedule, { now: clock.now(), runs });
  const pause = async (c: Context, name: string, paused: boolean) => {
    await find(c, name);
    await trail.begin(c, { target: name });
    const schedule = await schedules.pause(name, paused);
    if (!schedule) throw noSchedule(name);
    return json(schedule);
  };

  return new Hono()
    .get("/schedules", async (c) => {
      const { limit = 100, cursor = "" } = parseQuery(SchedulesQuery, c.req.queries());
      const page = await schedules.list({ after: cursor, limit: limit + 1 });
      const shown = page.slice(0, limit);
      const caller = callerOf(c);
      return c.json(
        {
          schedules: shown.filter((schedule) => sees(caller, schedule)).map((schedule) =>
            json(schedule, 1)
          ),
          next: page.length > limit ? shown.at(-1)!.name : null,
          scheduler: await schedules.leader() ?? null,
        },
        200,
        NO_STORE,
      );
    })
    .post("/schedules", async (c) => {
      const text = await readJsonText(c.req.raw, DEFAULT_BODY_LIMIT);
      const given = readSchedule(text === undefined ? {} : parseStrict(text), rules);
      requireSignature(callerOf(c), given.signature, queueOf);
      await trail.begin(c, { target: given.name });
      const schedule = await schedules.add(given);
      if (!schedule) {
        throw new Problem(
          "schedule-exists",
          `Cannot create schedule '${given.name}' because the name exists: remove that schedule, or choose another name`,
          { errors: [{ field: "name", message: "the name exists" }] },
        );
      }
      const location = `/v1/schedules/${encodeURIComponent(given.name)}`;
      return c.json(json(schedule), 201, { ...NO_STORE, location });
    })
    .get("/schedules/:schedule", async (c) => {
      const { runs = 5 } = parseQuery(ScheduleQuery, c.req.queries());
      return c.json(json(await find(c, c.req.param("schedule")), runs), 200, NO_STORE);
    })
    .delete("/schedules/:schedule", async (c) => {
      const name = c.req.param("schedule");
      await find(c, name);
      await trail.begin(c, { target: name });
      if (await schedules.remove(name)) return c.body(null, 204);
      throw new Problem(
        "schedule-in-code",
        `Cannot remove schedule '${name}' because the app's contracts module defines it: remove it there, or pause it`,
      );
    })
    .post("/schedules/:schedule/pause", async (c) => {
      return c.json(await pause(c, c.req.param("schedule"), true), 200, NO_STORE);
    })
    .post("/schedules/:schedule/resume", async (c) => {
      return c.json(await pause(c, c.req.param("schedule"), false), 200, NO_STORE);
    })
    .post("/schedules/:schedule/trigger", async (c) => {
      const { name, signature } = await find(c, c.req.param("schedule"));
      requireSignature(callerOf(c), signature, queueOf);
      await trail.begin(c, { target: name });
      const submission = scheduledSubmission(name, signature, rules);
      const accepted = await submitter.submit({
        ...submission,
        signature: attributed(callerOf(c), submission.signature),
      });
      counter.add(callerOf(c), accepted.name);
      const location = `/v1/tasks/${encodeURIComponent(accepted.id)}`;
      return c.json(acceptedBody(accepted), 202, { location });
    });
}

const NO_STORE = { "cache-control": "no-store" };

function noSchedule(name: string): Problem {
  return new Problem(
    "no-schedule",
    `Cannot find schedule '${name.slice(0, 200)}': GET /v1/schedules lists all schedules`,
  );
}
