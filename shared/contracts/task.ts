/** Contracts: what a task is called, takes, gives and may cost. */
import type { z } from "zod";
import { checkedPermissions, type Permissions } from "./permissions.ts";
import { type RetryPolicy, retryPolicy } from "./retry.ts";
import { type SandboxLimits, sandboxLimits } from "./sandbox_policy.ts";
import {
  checkDefinition,
  DEFAULT_BODY_LIMIT,
  DEFAULT_QUEUE,
  type RunPlace,
  type TaskDefinition,
  type TimeLimit,
} from "./task_definition.ts";

const CONTRACT = Symbol.for("celeriac.contract");

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
