/** Defines schedules: tasks to send and their timing. */
import type { z } from "zod";
import { bindArguments, inputIssues } from "../contracts/arguments.ts";
import type { Signature, SignatureOptions } from "../celery/signature.ts";
import { ConfigurationError, InvalidInput } from "../errors.ts";
import { refuseUnknownKeys } from "../contracts/known_keys.ts";
import type { TaskContract } from "../contracts/task.ts";
import { nextOf } from "./timing.ts";

/** How missed ticks are handled: send none, the newest, or the newest {@linkcode MISSED_LIMIT}. */
export const MISSED_POLICIES = ["skip", "once", "all"] as const;

/** One of {@linkcode MISSED_POLICIES}. */
export type MissedPolicy = typeof MISSED_POLICIES[number];

/** Maximum number of missed ticks that `all` sends. */
export const MISSED_LIMIT = 100;

/** Seconds after which `skip` considers a tick missed: more than a failover or a restart takes. */
export const MISSED_AFTER = 60;

/** Task options of a schedule. */
export type ScheduleOptions =
  & Pick<
    SignatureOptions,
    "queue" | "priority" | "timeLimit" | "softTimeLimit" | "headers" | "ignoreResult"
  >
  & {
    /** Seconds after a tick until its task expires. */
    readonly expires?: number | undefined;
  };

/** Definition for {@linkcode schedule}, with either `cron` or `every`. */
export interface ScheduleDefinition<Input extends z.ZodObject = z.ZodObject> {
  /** Unique: 1 to 200 letters, digits, and `_ . : @ -`. */
  name: string;
  /** A contract, or the name of a task of another system, which needs `options.queue`. */
  task: TaskContract<Input> | string;
  /** Five fields in Celery's grammar: `minute hour day-of-month month day-of-week`. */
  cron?: string;
  /** IANA name of the timezone of `cron`. Default `UTC`. */
  timezone?: string;
  /** Seconds between ticks. */
  every?: number;
  /** Positional arguments. */
  args?: unknown[];
  /** Keyword arguments. */
  kwargs?: Partial<z.input<Input>>;
  /** Options of the task. */
  options?: ScheduleOptions;
  /** Default `once`. */
  missed?: MissedPolicy;
}

/** A schedule that an app's contracts module exports. */
export interface CodeSchedule {
  /** Unique in the app. */
  readonly name: string;
  /** The signature that each tick sends. */
  readonly signature: Signature;
  /** Five fields in Celery's grammar; `null` for an interval. */
  readonly cron: string | null;
  /** IANA name; `null` for an interval. */
  readonly timezone: string | null;
  /** Seconds; `null` for cron. */
  readonly every: number | null;
  /** How missed ticks are handled. */
  readonly missed: MissedPolicy;
}

const SCHEDULE = Symbol.for("celeriac.schedule");
const NAME = /^[A-Za-z0-9_][\w.:@-]{0,199}$/;

/** Defines a schedule. Export the returned value from the contracts module.
 *
 * @throws {ConfigurationError} when its name, timing or arguments are invalid
 *
 * @example
 * ```ts
 * import { defineTask, schedule, z } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const report = defineTask({ name: "report", input: z.object({ days: z.int() }) });
 * const nightly = schedule({
 *   name: "nightly-report",
 *   task: report,
 *   cron: "30 2 * * *",
 *   timezone: "Asia/Seoul",
 *   kwargs: { days: 1 },
 * });
 * assertEquals(nightly.signature.task, "report");
 * ```
 */
export function schedule<Input extends z.ZodObject>(
  definition: ScheduleDefinition<Input>,
): CodeSchedule {
  checkKeys(definition);
  const { name, task, args = [], kwargs = {}, options = {}, missed = "once" } = definition;
  const { cron = null, every = null } = definition;
  const timezone = cron === null ? null : definition.timezone ?? "UTC";
  try {
    checkName(name);
    checkTiming({ cron, timezone, every });
    if (typeof task === "string") checkForeign(task, options.queue);
    else checkArguments(task, args, kwargs);
  } catch (cause) {
    if (!(cause instanceof InvalidInput)) throw cause;
    throw new ConfigurationError(
      `Cannot define schedule '${name}' because of its ${cause.field}: ${cause.message}`,
      { cause },
    );
  }
  const signature = {
    task: typeof task === "string" ? task : task.name,
    args,
    kwargs,
    options: { ...options },
  };
  return Object.freeze({ name, signature, cron, timezone, every, missed, [SCHEDULE]: true });
}

const KEYS: Readonly<Record<keyof ScheduleDefinition, true>> = {
  name: true,
  task: true,
  cron: true,
  timezone: true,
  every: true,
  args: true,
  kwargs: true,
  options: true,
  missed: true,
};

const OPTIONS: Readonly<Record<keyof ScheduleOptions, true>> = {
  queue: true,
  priority: true,
  timeLimit: true,
  softTimeLimit: true,
  headers: true,
  ignoreResult: true,
  expires: true,
};

function checkKeys(definition: Pick<ScheduleDefinition, "name" | "options" | "missed">): void {
  const { name, options = {}, missed = "once" } = definition;
  const doing = `define schedule '${name}'`;
  refuseUnknownKeys(definition, Object.keys(KEYS), {
    doing,
    synonyms: { schedule: "cron", crontab: "cron", interval: "every", tz: "timezone" },
  });
  refuseUnknownKeys(options, Object.keys(OPTIONS), { doing, within: "options" });
  if (MISSED_POLICIES.includes(missed)) return;
  throw new ConfigurationError(
    `Cannot ${doing} because missed '${missed}' is not a policy: choose from ${
      MISSED_POLICIES.join(", ")
    }`,
  );
}

/** Every schedule that a module exports, directly or in an array.
 *
 * @throws {ConfigurationError} when two share a name */
export function schedulesOf(exports: Record<string, unknown>): CodeSchedule[] {
  const found = new Map<string, CodeSchedule>();
  for (const one of Object.values(exports).flat().filter(isSchedule)) {
    const other = found.get(one.name);
    if (other && other !== one) {
      throw new ConfigurationError(
        `Cannot use schedule '${one.name}' because another one has that name: rename one of them`,
      );
    }
    found.set(one.name, one);
  }
  return [...found.values()];
}

function isSchedule(value: unknown): value is CodeSchedule {
  return typeof value === "object" && value !== null && SCHEDULE in value;
}

/** @throws {InvalidInput} `name` */
export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new InvalidInput(
    `Cannot use name '${
      name.slice(0, 200)
    }' because it is not 1 to 200 letters, digits, '_', '.', ':', '@' or '-': rename it`,
    "name",
  );
}

/** @throws {InvalidInput} `cron`, `timezone` or `every` */
export function checkTiming(
  timing: { cron: string | null; timezone: string | null; every: number | null },
): void {
  const { cron, timezone, every } = timing;
  if ((cron === null) === (every === null)) {
    throw new InvalidInput(
      "Cannot determine the timing because exactly one of `cron` and `every` is required: give one of them",
      "cron",
    );
  }
  const next = cron === null
    ? nextOf({ every: every!, anchor: new Date(0) })
    : nextOf({ cron, timezone: timezone ?? "UTC" });
  if (next(new Date(0)) === undefined) {
    throw new InvalidInput(
      `Cannot use cron '${cron}' because no day matches it: correct it`,
      "cron",
    );
  }
}

function checkForeign(task: string, queue: string | undefined): void {
  if (queue !== undefined) return;
  throw new InvalidInput(
    `Cannot send task '${task}' because it has neither a contract nor a queue: give its contract, or options.queue`,
    "options.queue",
  );
}

function checkArguments(
  contract: TaskContract,
  args: unknown[],
  kwargs: Record<string, unknown>,
): void {
  const parsed = contract.input.safeParse(bindArguments(contract, args, kwargs));
  if (parsed.success) return;
  const [issue] = inputIssues(contract, parsed.error, args.length);
  throw new InvalidInput(
    `Cannot send task '${contract.name}' because ${issue?.field} is invalid: ${issue?.message}`,
    issue?.field,
  );
}
