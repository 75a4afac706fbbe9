/** Checks what an author gives to `defineTask`: a slip is an error where it is made. */
import type { z } from "zod";
import { ConfigurationError, InvalidInput } from "../errors.ts";
import { refuseUncarried } from "./json_schemas.ts";
import { refuseUnknownKeys } from "./known_keys.ts";
import { parseRate } from "./rate.ts";
import type { RetryOptions } from "./retry.ts";
import type { SandboxDefinition } from "./sandbox_policy.ts";
import type { PermissionsDefinition } from "./permissions.ts";

/** The queue of a task that names none. */
export const DEFAULT_QUEUE = "celeriac.default";

/** Bytes of a submitted body that a contract accepts unless it says otherwise: 1 MiB. */
export const DEFAULT_BODY_LIMIT = 1024 * 1024;

/** Where a handler runs: in the worker's own event loop, or in a child process of its own. */
export type RunPlace = "inline" | "process";

/** Seconds that one attempt may take. */
export interface TimeLimit {
  /** After this `context.signal` aborts with a `SoftTimeLimitExceeded`. */
  readonly soft?: number;
  /** After this the attempt is ended: a child process by SIGKILL; an inline handler that awaits is abandoned. */
  readonly hard?: number;
}

/** What {@linkcode defineTask} takes. */
export interface TaskDefinition<Input extends z.ZodObject, Output extends z.ZodType> {
  /** Unique in the app, as Celery names tasks: `orders.confirm`. */
  name: string;
  /** Arguments by name. Positional arguments from Celery are bound to its keys in their order. */
  input: Input;
  /** What the handler returns; unchecked when absent. */
  output?: Output;
  /** Broker name of the queue: `celeriac.` and a name of yours. Default {@linkcode DEFAULT_QUEUE}. */
  queue?: string;
  /** Default: no retry. `true` = 4 attempts with exponential backoff and jitter. */
  retry?: RetryOptions | boolean;
  /** Default: none. */
  timeLimit?: TimeLimit;
  /** How often one worker starts it, evenly spaced: `"10/s"`, `"10/m"` or `"10/h"`. Default: no limit. */
  rateLimit?: string;
  /** Default `inline`. CPU-bound work belongs in a `process`: it would cost the worker its heartbeats. */
  run?: RunPlace;
  /** What its handler may access. Default: nothing but its input. */
  permissions?: PermissionsDefinition;
  /** What its child process may use; only with `run: "process"`. */
  sandbox?: SandboxDefinition;
  /** Its handler runs code, or parses data, that may take over its process: each attempt has a process of its own
   * (`sandbox.maxTasks` is 1 unless set). Only with `run: "process"`. Default `false`. */
  untrusted?: boolean;
  /** Bytes of a submission's body. Default {@linkcode DEFAULT_BODY_LIMIT}. */
  bodyLimit?: number;
  /** Whether its child process may send tasks (`context.submit()`, `context.replace()`). Default `false`; inline handlers may. */
  submits?: boolean;
  /** Keep no record at all. Default `false`. */
  ignoreResult?: boolean;
  /** One line for the reference page. */
  summary?: string;
  /** Input shown in the reference page and in `curl` lines. */
  example?: z.input<Input>;
}

const NAME = /^[A-Za-z_][\w.-]{0,254}$/;
const QUEUE = /^celeriac\.[A-Za-z0-9][\w.-]{0,200}$/;

const KEYS: Readonly<Record<keyof TaskDefinition<z.ZodObject, z.ZodType>, true>> = {
  name: true,
  input: true,
  output: true,
  queue: true,
  retry: true,
  timeLimit: true,
  rateLimit: true,
  run: true,
  permissions: true,
  sandbox: true,
  untrusted: true,
  bodyLimit: true,
  ignoreResult: true,
  submits: true,
  summary: true,
  example: true,
};

/** Words for the same from other systems. */
const SYNONYMS: Readonly<Record<string, string>> = {
  attempts: "retry",
  max_retries: "retry",
  maxAttempts: "retry",
  maxRetries: "retry",
  result: "output",
  retries: "retry",
  returns: "output",
  schema: "input",
  soft_time_limit: "timeLimit",
  timeout: "timeLimit",
};

/** Checks keys, types and schemas.
 *
 * @throws {ConfigurationError} saying what is wrong and what to write */
export function checkDefinition(
  definition: TaskDefinition<z.ZodObject, z.ZodType>,
): void {
  const name = checkedName(definition);
  const doing = `define task '${name}'`;
  const refuse = (reason: string) => new ConfigurationError(`Cannot ${doing} because ${reason}`);
  refuseUnknownKeys(definition, Object.keys(KEYS), { doing, synonyms: SYNONYMS });
  const { queue, input, output, retry, timeLimit = {}, run = "inline", sandbox } = definition;
  if (queue === "celeriac.dead") {
    throw refuse("queue 'celeriac.dead' holds the dead letters: choose another");
  }
  if (queue !== undefined && !QUEUE.test(queue)) {
    const near = `celeriac.${String(queue).replaceAll(/[^\w.-]/g, "-")}`;
    throw refuse(
      `queue '${queue}' is not 'celeriac.' and a name: call it '${near}'`,
    );
  }
  if (input?.def?.type !== "object") {
    throw refuse("its input is not a zod object: wrap it in z.object({ ... })");
  }
  refuseUncarried(name, "input", input);
  if (output !== undefined) {
    if (output?.def === undefined) {
      throw refuse("its output is not a zod schema: write one, such as z.string()");
    }
    refuseUncarried(name, "output", output);
  }
  if (retry !== undefined && typeof retry !== "boolean") {
    const known = ["maxAttempts", "base", "cap", "jitter", "only", "never"];
    const synonyms = { attempts: "maxAttempts", retries: "maxAttempts", delay: "base", max: "cap" };
    refuseUnknownKeys(retry, known, { doing, within: "retry", synonyms });
  }
  refuseUnknownKeys(timeLimit, ["soft", "hard"], { doing, within: "timeLimit" });
  for (const [kind, seconds] of Object.entries(timeLimit)) {
    if (typeof seconds === "number" && seconds > 0) continue;
    throw refuse(
      `its ${kind} time limit ${seconds} is not a positive number of seconds: correct it`,
    );
  }
  if (run !== "inline" && run !== "process") {
    throw refuse(`run '${run}' is no place: choose inline or process`);
  }
  if (sandbox && run !== "process") {
    throw refuse(
      'it has a sandbox and runs inline, where nothing can hold it: add run: "process"',
    );
  }
  checkRest(definition, refuse);
}

function checkRest(
  { bodyLimit, ignoreResult, submits, rateLimit, run, untrusted }: TaskDefinition<
    z.ZodObject,
    z.ZodType
  >,
  refuse: (reason: string) => ConfigurationError,
): void {
  if (bodyLimit !== undefined && !(Number.isInteger(bodyLimit) && bodyLimit > 0)) {
    throw refuse(`bodyLimit ${bodyLimit} is not a whole number of bytes from 1: correct it`);
  }
  if (ignoreResult !== undefined && typeof ignoreResult !== "boolean") {
    throw refuse(`ignoreResult '${ignoreResult}' is neither true nor false: choose one`);
  }
  if (submits !== undefined && typeof submits !== "boolean") {
    throw refuse(`submits '${submits}' is neither true nor false: choose one`);
  }
  if (untrusted !== undefined && typeof untrusted !== "boolean") {
    throw refuse(`untrusted '${untrusted}' is neither true nor false: choose one`);
  }
  if (untrusted && run !== "process") {
    throw refuse(
      'it is untrusted and runs inline, in the process of its worker: add run: "process"',
    );
  }
  try {
    parseRate(rateLimit);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw refuse(`of its rateLimit: ${error.message}`);
  }
}

function checkedName(definition: { name: string }): string {
  const name: unknown = definition?.name;
  if (typeof name === "string" && NAME.test(name)) return name;
  throw new ConfigurationError(
    `Cannot define task '${name}' because its name is not 1 to 255 letters, digits, '_', '.' or '-', beginning with a letter: rename it`,
  );
}
