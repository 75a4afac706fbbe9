/** The argument of `defineTask`, and its validation: a mistake fails where it is made. */
import type { z } from "zod";
import { ConfigurationError, InvalidInput } from "../errors.ts";
import { refuseUncarried } from "./json_schemas.ts";
import { refuseUnknownKeys } from "./known_keys.ts";
import { inputPolicy, type KeepInput, type KeepInputOptions } from "./keep_input.ts";
import { parseRate } from "./rate.ts";
import type { RetryOptions } from "./retry.ts";
import type { SandboxDefinition } from "./sandbox_policy.ts";
import type { PermissionsDefinition } from "./permissions.ts";

/** The default queue. */
export const DEFAULT_QUEUE = "celeriac.default";

/** Default limit of a submitted body in bytes: 1 MiB. */
export const DEFAULT_BODY_LIMIT = 1024 * 1024;

/** Where a handler runs: in the worker's own event loop, or in a child process of its own. */
export type RunPlace = "inline" | "process";

/** Time limits of one attempt, in seconds. */
export interface TimeLimit {
  /** After this `context.signal` aborts with a `SoftTimeLimitExceeded`. */
  readonly soft?: number;
  /** After this the attempt ends: a child process by SIGKILL; a pending inline handler is abandoned. */
  readonly hard?: number;
}

/** Argument of {@linkcode defineTask}. */
export interface TaskDefinition<Input extends z.ZodObject, Output extends z.ZodType> {
  /** Unique name in the app, in Celery's style: `orders.confirm`. */
  name: string;
  /** Arguments by name. Positional arguments from Celery bind to the keys in their order. */
  input: Input;
  /** Schema of the result; absent = not validated. */
  output?: Output;
  /** Queue name on the broker: `celeriac.` plus a name of your choice. Default {@linkcode DEFAULT_QUEUE}. */
  queue?: string;
  /** Default: no retry. `true` = 4 attempts with exponential backoff and jitter. */
  retry?: RetryOptions | boolean;
  /** Default: none. */
  timeLimit?: TimeLimit;
  /** Maximum rate of starts per worker, evenly spaced: `"10/s"`, `"10/m"` or `"10/h"`. Default: no limit. */
  rateLimit?: string;
  /** Default `inline`. CPU-bound work belongs in a `process`, because inline it would delay the worker's heartbeats. */
  run?: RunPlace;
  /** Permissions of its handler. Default: none. */
  permissions?: PermissionsDefinition;
  /** Resource limits of its child process; only with `run: "process"`. */
  sandbox?: SandboxDefinition;
  /** The handler runs untrusted code or parses untrusted data: each attempt gets a new process
   * (`sandbox.maxTasks` is 1 unless set). Only with `run: "process"`. Default `false`. */
  untrusted?: boolean;
  /** Maximum bytes of a submission's body. Default {@linkcode DEFAULT_BODY_LIMIT}. */
  bodyLimit?: number;
  /** Whether its child process may submit tasks (`context.submit()`, `context.replace()`). Default `false`; inline handlers may. */
  submits?: boolean;
  /** Store no record. Default `false`. */
  ignoreResult?: boolean;
  /** When the record keeps the exact input, so that it can be read and the task rerun. Default `failure`: with state FAILURE.
   * `{ when, redact }` also names values that records must not contain. */
  keepInput?: KeepInput | KeepInputOptions;
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
  keepInput: true,
  submits: true,
  summary: true,
  example: true,
};

/** Names that other systems use for our keys. */
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

/** Validates keys, types and schemas.
 *
 * @throws {ConfigurationError} with the mistake and its remedy */
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
  refuseUncarried(`task '${name}'`, "input", input);
  if (output !== undefined) {
    if (output?.def === undefined) {
      throw refuse("its output is not a zod schema: write one, such as z.string()");
    }
    refuseUncarried(`task '${name}'`, "output", output);
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
    throw refuse(`run '${run}' is neither 'inline' nor 'process': choose one`);
  }
  if (sandbox && run !== "process") {
    throw refuse(
      'it has a sandbox and runs inline, where no limit can be enforced: add run: "process"',
    );
  }
  inputPolicy(name, definition.keepInput, Object.keys(input.shape));
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
    throw refuse(`bodyLimit ${bodyLimit} is not a positive integer of bytes: correct it`);
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
      `it is untrusted and runs inline, in the worker's process: add run: "process"`,
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
