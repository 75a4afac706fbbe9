/** Contracts: what a task is called, takes, gives and may cost. */
import type { z } from "zod";
import { checkedPermissions, type Permissions, type PermissionsDefinition } from "./permissions.ts";
import { type RetryOptions, type RetryPolicy, retryPolicy } from "./retry.ts";
import { type SandboxDefinition, type SandboxLimits, sandboxLimits } from "./sandbox_policy.ts";
import { checkDefinition } from "./task_definition.ts";

/** The queue of a task that names none. */
export const DEFAULT_QUEUE = "celeriac.default";

/** Bytes of a submitted body that a contract accepts unless it says otherwise: 1 MiB. */
export const DEFAULT_BODY_LIMIT = 1024 * 1024;

const CONTRACT = Symbol.for("celeriac.contract");

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

/** A task's contract: frozen, complete, shared by the API, which checks against it, and the worker, which checks again. */
export interface TaskContract<
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.ZodType = z.ZodType,
> {
  /** As {@linkcode TaskDefinition.name}. */
  readonly name: string;
  /** Schema of the arguments. */
  readonly input: Input;
  /** Schema of the result. */
  readonly output?: Output;
  /** Broker name of the queue. */
  readonly queue: string;
  /** When a failed attempt is tried again. */
  readonly retry: RetryPolicy;
  /** Seconds that one attempt may take. */
  readonly timeLimit: TimeLimit;
  /** How often one worker starts it; no limit when absent. */
  readonly rateLimit?: string;
  /** Where its handler runs. */
  readonly run: RunPlace;
  /** What its handler may access. */
  readonly permissions: Permissions;
  /** What its child process may use. */
  readonly sandbox: SandboxLimits;
  /** Whether its handler may take over its process. */
  readonly untrusted: boolean;
  /** Bytes of a submission's body. */
  readonly bodyLimit: number;
  /** Whether its child process may send tasks. */
  readonly submits: boolean;
  /** Whether no record is kept. */
  readonly ignoreResult: boolean;
  /** One line for the reference page. */
  readonly summary?: string;
  /** Input shown in the reference page. */
  readonly example?: z.input<Input>;
}

/** Defines a task's contract.
 *
 * @throws {ConfigurationError} when a name, queue, limit or schema cannot work
 *
 * @example
 * ```ts
 * import { defineTask, z } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const greet = defineTask({ name: "greet", input: z.object({ who: z.string() }) });
 * assertEquals(greet.queue, "celeriac.default");
 * ```
 */
export function defineTask<Input extends z.ZodObject, Output extends z.ZodType = z.ZodType>(
  definition: TaskDefinition<Input, Output>,
): TaskContract<Input, Output> {
  checkDefinition(definition as TaskDefinition<z.ZodObject, z.ZodType>);
  const { name, queue = DEFAULT_QUEUE, retry, timeLimit = {}, permissions = {}, sandbox, ...rest } =
    definition;
  return Object.freeze({
    run: "inline" as const,
    bodyLimit: DEFAULT_BODY_LIMIT,
    ignoreResult: false,
    submits: false,
    untrusted: false,
    ...rest,
    name,
    queue,
    retry: retryPolicy(retry),
    timeLimit: Object.freeze({ ...timeLimit }),
    permissions: checkedPermissions(name, permissions, rest.run !== "process"),
    sandbox: sandboxLimits(name, rest.untrusted ? { maxTasks: 1, ...sandbox } : sandbox),
    [CONTRACT]: true,
  });
}

/** Whether a value, of whatever copy of this package, is a contract. */
export function isContract(value: unknown): value is TaskContract {
  return typeof value === "object" && value !== null && CONTRACT in value;
}
