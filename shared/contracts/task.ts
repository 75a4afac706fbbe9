/** Task contracts: name, input, output and limits of a task. */
import type { z } from "zod";
import { type InputPolicy, inputPolicy } from "./keep_input.ts";
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

/** A task's contract: frozen and complete. API and worker share it, and both validate against it. */
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
  /** When a failed attempt is retried. */
  readonly retry: RetryPolicy;
  /** Limits of one attempt, in seconds. */
  readonly timeLimit: TimeLimit;
  /** Maximum rate of starts per worker; absent = no limit. */
  readonly rateLimit?: string;
  /** Where its handler runs. */
  readonly run: RunPlace;
  /** Permissions of its handler. */
  readonly permissions: Permissions;
  /** Resource limits of its child process. */
  readonly sandbox: SandboxLimits;
  /** Whether each attempt gets a process of its own, because the handler runs untrusted code or data. */
  readonly untrusted: boolean;
  /** Maximum bytes of a submission's body. */
  readonly bodyLimit: number;
  /** Whether its child process may submit tasks. */
  readonly submits: boolean;
  /** Whether no record is kept. */
  readonly ignoreResult: boolean;
  /** When records keep the input, and which parts of it are redacted. */
  readonly keepInput: InputPolicy;
  /** One line for the reference page. */
  readonly summary?: string;
  /** Input shown in the reference page. */
  readonly example?: z.input<Input>;
}

/** Defines a task's contract.
 *
 * @throws {ConfigurationError} when a name, queue, limit or schema is invalid
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
  const {
    name,
    queue = DEFAULT_QUEUE,
    retry,
    timeLimit = {},
    permissions = {},
    sandbox,
    keepInput,
    ...rest
  } = definition;
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
    keepInput: inputPolicy(name, keepInput, Object.keys(rest.input.shape)),
    permissions: checkedPermissions(name, permissions, rest.run !== "process"),
    sandbox: sandboxLimits(name, rest.untrusted ? { maxTasks: 1, ...sandbox } : sandbox),
    [CONTRACT]: true,
  });
}

/** Whether a value is a contract, even of another copy of this package. */
export function isContract(value: unknown): value is TaskContract {
  return typeof value === "object" && value !== null && CONTRACT in value;
}
