/** `/v1/schedules`: periodic tasks. */
import type { Clock } from "../../shared/runtime/clock.ts";
import { Hono } from "hono";
import { z } from "zod";
import type { StoredSchedule } from "../../shared/schedules/stored_schedule.ts";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import { readJsonText } from "../http/body.ts";
import { nameCursor } from "../http/label.ts";
import { parseStrict } from "../http/strict_json.ts";
import { Problem } from "../http/problem.ts";
import { parseQuery } from "../http/query.ts";
import { readSchedule, scheduleBody } from "../submitting/schedule.ts";
import type { SubmissionRules } from "../submitting/submission.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import type { ScheduleActions, Schedules } from "../actions/schedule_actions.ts";
import { callerOf, requireSignature } from "../access/request_caller.ts";
import type { TaskRouter } from "../../shared/outbox/task_router.ts";
import { acceptedBody } from "../submitting/accepted_body.ts";

/** Dependencies of the routes. */
export interface ScheduleRoutesParts {
  readonly schedules: Schedules;
  readonly actions: ScheduleActions;
  readonly rules: SubmissionRules;
  readonly clock: Clock;
  /** Finds the queue of tasks that name none. */
  readonly routes: TaskRouter;
  readonly trail: AuditTrail;
}

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
export function scheduleRoutes(parts: ScheduleRoutesParts): Hono {
  const { schedules, actions, rules, clock, routes, trail } = parts;
  const json = (schedule: StoredSchedule, runs = 5) =>
    scheduleBody(schedule, { now: clock.now(), runs });

  return new Hono()
    .get("/schedules", async (c) => {
      const { limit = 100, cursor = "" } = parseQuery(SchedulesQuery, c.req.queries());
      const page = await schedules.list({ after: cursor, limit: limit + 1 });
      const shown = page.slice(0, limit);
      const caller = callerOf(c);
      return c.json(
        {
          schedules: shown.filter((schedule) => actions.isVisible(caller, schedule))
            .map((schedule) => json(schedule, 1)),
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
      requireSignature(callerOf(c), given.signature, (signature) => routes.queueOf(signature));
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
      const schedule = await actions.find(c, c.req.param("schedule"));
      return c.json(json(schedule, runs), 200, NO_STORE);
    })
    .delete("/schedules/:schedule", async (c) => {
      await actions.remove(c, c.req.param("schedule"));
      return c.body(null, 204);
    })
    .post("/schedules/:schedule/pause", async (c) => {
      return c.json(json(await actions.pause(c, c.req.param("schedule"), true)), 200, NO_STORE);
    })
    .post("/schedules/:schedule/resume", async (c) => {
      return c.json(json(await actions.pause(c, c.req.param("schedule"), false)), 200, NO_STORE);
    })
    .post("/schedules/:schedule/trigger", async (c) => {
      const accepted = await actions.trigger(c, c.req.param("schedule"));
      const location = `/v1/tasks/${encodeURIComponent(accepted.id)}`;
      return c.json(acceptedBody(accepted), 202, { location });
    });
}

const NO_STORE = { "cache-control": "no-store" };
