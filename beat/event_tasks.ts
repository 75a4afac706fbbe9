/** The tasks that an event becomes. Pure. */
import type { CloudEvent } from "../shared/events/cloud_event.ts";
import { argumentsFrom } from "../shared/events/event_arguments.ts";
import { eventTaskId } from "../shared/events/event_key.ts";
import type { NewSubscription } from "../shared/events/subscription_store.ts";
import { checkHeaders } from "../shared/broker/header_limit.ts";
import { type PreparedTask, prepareTask } from "../shared/outbox/prepared_task.ts";

/** Header with the key of the event that became a task. */
export const EVENT_HEADER = "celeriac-event";
/** Header with the name of the subscription. */
export const SUBSCRIPTION_HEADER = "celeriac-subscription";

/** The task of one event by one subscription. It has the same id each time.
 *
 * @param context.origin the sender in Celery's format, `gen<pid>@<host>`
 * @param context.replay id of a replay that makes tasks anew. Default: the event's first task
 * @throws {InvalidInput} when the event has no arguments for it, or the broker could never accept its message */
export function eventTask(
  { event, key }: { event: CloudEvent; key: string },
  { name, deliver: { task, queue, args } }: Pick<NewSubscription, "name" | "deliver">,
  { replay, ...context }: { origin: string; now: Date; replay?: string },
): PreparedTask {
  const headers = { [EVENT_HEADER]: key, [SUBSCRIPTION_HEADER]: name };
  const prepared = prepareTask({
    task,
    args: [],
    kwargs: argumentsFrom(event, args),
    options: { taskId: eventTaskId(key, name, replay), queue, headers },
  }, context);
  checkHeaders(prepared.entry.message.headers);
  return prepared;
}
