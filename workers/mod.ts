/** The door for authors of handlers.
 *
 * @example
 * ```ts
 * import { handle } from "./mod.ts";
 * import { defineTask, z } from "../shared/mod.ts";
 * import { assert } from "@std/assert";
 *
 * const double = defineTask({ name: "double", input: z.object({ n: z.number() }), output: z.number() });
 * export const doubleHandler = handle(double, ({ n }) => 2 * n);
 * assert(doubleHandler.contract === double);
 * ```
 *
 * @module
 */
export { type Answer, handle, type Handler } from "./handlers.ts";
export {
  type CloudEventListener,
  type CloudEventListenerOptions,
  type EventOf,
  onEach,
} from "../shared/events/cloud_event_listener.ts";
export type { AttributeSchemas, EventContract } from "../shared/events/event_contract.ts";
export type { AttributeValue } from "../shared/events/attributes.ts";
export type { Selection, Where } from "../shared/events/selection.ts";
export type { CloudEvent } from "../shared/events/cloud_event.ts";
export type { EventToEmit } from "../shared/events/emitted_event.ts";
export type { Completion, CompletionSql } from "./running/completion.ts";
export type { Parameter } from "../shared/database/database.ts";
export type { Context, TaskLog } from "./running/context.ts";
export type { Replacement } from "./running/replacement.ts";
export type { TaskRequest } from "./running/request.ts";
export type { SubmitOptions, SubmittedWork } from "./running/task_submissions.ts";
export { Ignore, Reject, Retry, SoftTimeLimitExceeded } from "../shared/errors.ts";
