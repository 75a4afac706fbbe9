/** `task-sent` events for tasks that this worker publishes. */
import type { HeaderValue, Message } from "../shared/broker/message.ts";
import type { Events, TaskEvent } from "../shared/telemetry/events.ts";
import { Publisher, type PublisherOptions } from "../shared/outbox/publisher.ts";

/** Creates a publisher that emits `task-sent` for each durable message. */
export function publisherWithEvents(
  { events, ...options }: Omit<PublisherOptions, "sent"> & { events: Events },
): Publisher {
  return new Publisher({
    ...options,
    sent: (message, queue) => events.emit(taskSentEvent(message, queue)),
  });
}

/** Celery's `task-sent` event of a message.
 *
 * @param queue destination of the message */
export function taskSentEvent(
  { headers, exchange, routingKey }: Message,
  queue: string,
): Extract<TaskEvent, { type: "task-sent" }> {
  const { argsrepr, kwargsrepr, root_id, parent_id, eta, expires } = headers;
  return {
    type: "task-sent",
    id: String(headers["id"]),
    name: String(headers["task"]),
    queue,
    args: text(argsrepr),
    kwargs: text(kwargsrepr),
    rootId: String(root_id),
    parentId: text(parent_id),
    retries: Number(headers["retries"] ?? 0),
    eta: text(eta),
    expires: text(expires),
    exchange,
    routingKey,
  };
}

function text(value: HeaderValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}
