/** Schedules: what is to be sent, and when. */
import type { z } from "zod";
import { bindArguments, inputIssues } from "../contracts/arguments.ts";
import type { Signature, SignatureOptions } from "../celery/signature.ts";
import { ConfigurationError, InvalidInput } from "../errors.ts";
import { refuseUnknownKeys } from "../contracts/known_keys.ts";
import type { TaskContract } from "../contracts/task.ts";
import { nextOf } from "./timing.ts";

/** What becomes of due times that nobody was there for: none of them, the newest, or each of the newest {@linkcode MISSED_LIMIT}. */
export const MISSED_POLICIES = ["skip", "once", "all"] as const;

/** One of {@linkcode MISSED_POLICIES}. */
export type MissedPolicy = typeof MISSED_POLICIES[number];

/** Ticks that `all` catches up with at once. */
export const MISSED_LIMIT = 100;

/** Seconds after which a tick counts as missed, for `skip`: more than a take-over or a restart needs. */
export const MISSED_AFTER = 60;

/** What a schedule may say of how its task is sent. */
export type ScheduleOptions =
  & Pick<
    SignatureOptions,
    "queue" | "priority" | "timeLimit" | "softTimeLimit" | "headers" | "ignoreResult"
  >
  & {
    /** Seconds from a tick after which its task is not to run any more. */
    readonly expires?: number | undefined;
  };

/** What {@linkcode schedule} takes; either `cron` or `every`. */
export interface ScheduleDefinition<Input extends z.ZodObject = z.ZodObject> {
  /** Unique: 1 to 200 letters, digits, and `_ . : @ -`. */
  name: string;
  /** A contract; or the name of another system's task, which needs `options.queue`. */
  task: TaskContract<Input> | string;
  /** Five fields in Celery's grammar: `minute hour day-of-month month day-of-week`. */
  cron?: string;
  /** IANA name of the timezone that `cron` means. Default `UTC`. */
  timezone?: string;
  /** Seconds from one tick to the next. */
  every?: number;
  /** Arguments by position. */
  args?: unknown[];
  /** Arguments by name. */
  kwargs?: Partial<z.input<Input>>;
  /** How its task is sent. */
  options?: ScheduleOptions;
  /** Default `once`. */
  missed?: MissedPolicy;
}

/** A schedule that an app's contracts module exports. */
export interface CodeSchedule {
  /** Unique in the app. */
  readonly name: string;
  /** What each tick sends. */
  readonly signature: Signature;
  /** Five fields in Celery's grammar; `null` for an interval. */
  readonly cron: string | null;
  /** IANA name; `null` for an interval. */
  readonly timezone: string | null;
  /** Seconds; `null` for cron. */
  readonly every: number | null;
  /** What becomes of due times that nobody was there for. */
  readonly missed: MissedPolicy;
}

const SCHEDULE = Symbol.for("celeriac.schedule");
const NAME = /^[A-Za-z0-9_][\w.:@-]{0,199}$/;

/** Defines a schedule. Export what it returns from the contracts module.
 *
 * @throws {ConfigurationError} when its name, timing or arguments cannot work
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
    `Cannot ${doing} because missed '${missed}' is no policy: choose from ${
      MISSED_POLICIES.join(", ")
    }`,
  );
}

/** Every schedule that a module exports, alone or in an array.
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
      "Cannot determine when it is due because it needs exactly one of `cron` and `every`: give one of them",
      "cron",
    );
  }
  const next = cron === null
    ? nextOf({ every: every!, anchor: new Date(0) })
    : nextOf({ cron, timezone: timezone ?? "UTC" });
  if (next(new Date(0)) === undefined) {
    throw new InvalidInput(
      `Cannot use cron '${cron}' because no day is like that: correct it`,
      "cron",
    );
  }
}

function checkForeign(task: string, queue: string | undefined): void {
  if (queue !== undefined) return;
  throw new InvalidInput(
    `Cannot send task '${task}' because it is named by text and no queue is given: give its contract, or options.queue`,
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
