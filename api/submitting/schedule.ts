/** Schedules as the API takes and gives them. */
import { z } from "zod";
import { toWire } from "../../shared/celery/signature.ts";
import { InvalidInput } from "../../shared/errors.ts";
import { checkName, checkTiming, MISSED_POLICIES } from "../../shared/schedules/schedule.ts";
import type { NewSchedule } from "../../shared/schedules/store.ts";
import { type StoredSchedule, timingOf } from "../../shared/schedules/stored_schedule.ts";
import { nextOf, upcoming } from "../../shared/schedules/timing.ts";
import { fieldProblem } from "../http/problem.ts";
import { strictRefusal } from "../http/strict_object.ts";
import { checkSubmission, type SubmissionRules } from "./submission.ts";

/** What a caller says of a schedule, also of the OpenAPI document. */
export const ScheduleBody = z.strictObject({
  name: z.string().describe("Unique: 1 to 200 letters, digits and `_ . : @ -`"),
  task: z.string().describe("Name of the task"),
  args: z.array(z.unknown()).optional().describe("Arguments by position"),
  kwargs: z.record(z.string(), z.unknown()).optional().describe("Arguments by name"),
  options: z.record(z.string(), z.unknown()).optional()
    .describe("As of a submission; but `expires` in seconds from each tick, and no time or id"),
  cron: z.string().optional()
    .describe("`minute hour day-of-month month day-of-week`; all must match"),
  timezone: z.string().optional().describe("IANA name that `cron` means; default `UTC`"),
  every: z.number().optional().describe("Instead of `cron`: seconds from one tick to the next"),
  missed: z.enum(MISSED_POLICIES).optional()
    .describe("What is sent of ticks that no scheduler was there for; default `once`"),
  paused: z.boolean().optional().describe("Do not begin yet"),
});

const NAMES = Object.keys(ScheduleBody.shape);

/** Options that belong to one task, not to each of many. */
const SINGULAR = ["taskId", "eta", "countdown", "retries"] as const;

/** Reads and checks a schedule.
 *
 * @throws {Problem} `invalid-input` naming every field that does not fit */
export function readSchedule(body: unknown, rules: SubmissionRules): NewSchedule {
  const parsed = ScheduleBody.safeParse(body);
  if (!parsed.success) {
    throw strictRefusal(parsed.error, {
      what: "the schedule",
      known: NAMES,
      unknown: "nothing of this name is known here",
    });
  }
  const { name, task, cron = null, every = null, missed = "once", paused = false } = parsed.data;
  if (every !== null && parsed.data.timezone !== undefined) {
    throw fieldProblem("timezone", "an interval has none: it is elapsed time, leave it out");
  }
  const timezone = cron === null ? null : parsed.data.timezone ?? "UTC";
  checkName(name);
  checkTiming({ cron, timezone, every });
  const { args = [], kwargs = {}, options = {} } = parsed.data;
  checkTask(task, options, rules);
  const { signature } = checkSubmission(task, { args, kwargs, options }, rules);
  const { queue, ...rest } = signature.options;
  for (const key of SINGULAR) {
    if (rest[key] === undefined) continue;
    const field = `options.${key === "taskId" ? "task_id" : key}`;
    throw fieldProblem(field, "each tick is a task of its own: leave it out");
  }
  if (rest.expires instanceof Date) {
    throw fieldProblem("options.expires", "expected seconds from each tick, not a time");
  }
  // The contract's queue is looked up at each tick: it may change.
  const given = options["queue"] === undefined ? rest : { ...rest, queue };
  return {
    name,
    signature: { task, args, kwargs, options: given },
    cron,
    timezone,
    every,
    missed,
    paused,
  };
}

/** @returns keys as in {@linkcode readSchedule}, and how far it has come
 * @param runs how many of the next due times to tell; none while it is paused */
export function scheduleBody(schedule: StoredSchedule, { now, runs }: { now: Date; runs: number }) {
  const { task, args, kwargs, options } = toWire(schedule.signature);
  const next = nextRuns(schedule, now, runs);
  return {
    name: schedule.name,
    task,
    args,
    kwargs,
    options,
    cron: schedule.cron,
    timezone: schedule.timezone,
    every: schedule.every,
    missed: schedule.missed,
    source: schedule.source,
    paused: schedule.paused,
    ticks: schedule.ticks,
    last_at: schedule.lastAt,
    last_task: schedule.lastId,
    next_at: next[0] ?? null,
    next_runs: next,
    problem: schedule.problem,
    created_at: schedule.createdAt,
    updated_at: schedule.updatedAt,
  };
}

function nextRuns(schedule: StoredSchedule, now: Date, runs: number): Date[] {
  if (schedule.paused || schedule.problem !== null) return [];
  const after = schedule.afterAt > now ? schedule.afterAt : now;
  try {
    return upcoming(nextOf(timingOf(schedule)), after, runs);
  } catch (error) {
    // A timezone that this process does not know: the scheduler says so in the schedule's problem.
    if (error instanceof InvalidInput) return [];
    throw error;
  }
}

function checkTask(task: string, options: Record<string, unknown>, rules: SubmissionRules): void {
  const { registry, foreignQueues } = rules;
  if (registry.get(task) || foreignQueues.has(String(options["queue"]))) return;
  const near = registry.suggest(task);
  throw fieldProblem(
    "task",
    `no contract is named '${task}': ${
      near
        ? `did you mean '${near}'?`
        : "a task of another system needs an 'options.queue' that CELERIAC_FOREIGN_QUEUES lists"
    }`,
    Array.from(registry, (contract) => contract.name),
  );
}
