/** Parses schedules from requests and serializes them. */
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

/** The body of a new schedule, also for the OpenAPI document. */
export const ScheduleBody = z.strictObject({
  name: z.string().describe("Unique: 1 to 200 letters, digits and `_ . : @ -`"),
  task: z.string().describe("Name of the task"),
  args: z.array(z.unknown()).optional().describe("Arguments by position"),
  kwargs: z.record(z.string(), z.unknown()).optional().describe("Arguments by name"),
  options: z.record(z.string(), z.unknown()).optional()
    .describe(
      "As in a submission, but `expires` in seconds after each tick, and without times and ids",
    ),
  cron: z.string().optional()
    .describe("`minute hour day-of-month month day-of-week`; all must match"),
  timezone: z.string().optional().describe("IANA time zone of `cron`; default `UTC`"),
  every: z.number().optional().describe("Seconds between two ticks, instead of `cron`"),
  missed: z.enum(MISSED_POLICIES).optional()
    .describe("Which missed ticks are sent; default `once`"),
  paused: z.boolean().optional().describe("Whether it starts paused"),
});

const NAMES = Object.keys(ScheduleBody.shape);

/** Options of a single task that a schedule cannot have. */
const SINGULAR = ["taskId", "eta", "countdown", "retries"] as const;

/** Reads and checks a schedule.
 *
 * @throws {Problem} `invalid-input` naming every invalid field */
export function readSchedule(body: unknown, rules: SubmissionRules): NewSchedule {
  const parsed = ScheduleBody.safeParse(body);
  if (!parsed.success) {
    throw strictRefusal(parsed.error, {
      what: "the schedule",
      known: NAMES,
      unknown: "unknown field",
    });
  }
  const { name, task, cron = null, every = null, missed = "once", paused = false } = parsed.data;
  if (every !== null && parsed.data.timezone !== undefined) {
    throw fieldProblem("timezone", "an interval has no time zone: remove it");
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
    throw fieldProblem(
      field,
      "a schedule cannot have it, because each tick is a separate task: remove it",
    );
  }
  if (rest.expires instanceof Date) {
    throw fieldProblem("options.expires", "expected seconds after each tick, not a time");
  }
  // Each tick looks up the contract's queue, which may change.
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

/** @returns keys as in {@linkcode readSchedule}, and its progress
 * @param runs number of next due times to list; none while it is paused */
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
    // An unknown time zone: the scheduler reports it in the schedule's `problem`.
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
