/** Public module for task authors: contracts and their parts.
 *
 * @example
 * ```ts
 * import { defineTask, z } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const resize = defineTask({
 *   name: "images.resize",
 *   input: z.object({ url: z.url(), width: z.int().min(1) }),
 *   retry: { maxAttempts: 5 },
 * });
 * assertEquals(resize.retry.maxAttempts, 5);
 * ```
 *
 * @module
 */
export { z } from "zod";
export { defineTask, type TaskContract } from "./contracts/task.ts";
export { DEFAULT_BODY_LIMIT, DEFAULT_QUEUE } from "./contracts/task_definition.ts";
export type { RunPlace, TaskDefinition, TimeLimit } from "./contracts/task_definition.ts";
export {
  chain,
  type ChainNode,
  chord,
  type ChordNode,
  chunks,
  type ChunksNode,
  group,
  type GroupNode,
  map,
  type MapNode,
  signature,
  starmap,
  type StarmapNode,
  type TaskNode,
  type WorkflowNode,
} from "./contracts/workflow_builder.ts";
export type { ErrorKind, RetryOptions, RetryPolicy } from "./contracts/retry.ts";
export type { InputPolicy, KeepInput, KeepInputOptions } from "./contracts/keep_input.ts";
export type { Permissions, PermissionsDefinition } from "./contracts/permissions.ts";
export type { SandboxDefinition, SandboxLimits } from "./contracts/sandbox_policy.ts";
export {
  type CodeSchedule,
  type MissedPolicy,
  schedule,
  type ScheduleDefinition,
  type ScheduleOptions,
} from "./schedules/schedule.ts";
export {
  type AttributeSchemas,
  defineEvent,
  type EventContract,
  type EventDefinition,
} from "./events/event_contract.ts";
export {
  type EventChoice,
  type EventDelivery,
  type EventSubscription,
  on,
  type SubscriptionDefinition,
} from "./events/subscription.ts";
export type { AttributeValue } from "./events/attributes.ts";
export type { EventArguments } from "./events/event_arguments.ts";
export type { Selection, Where } from "./events/selection.ts";
export type { CloudEvent } from "./events/cloud_event.ts";
export {
  CeleriacError,
  ConfigurationError,
  Ignore,
  Reject,
  Retry,
  SoftTimeLimitExceeded,
} from "./errors.ts";
