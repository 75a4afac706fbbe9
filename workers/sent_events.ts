/** `task-sent` events for tasks that this worker publishes. */
import type { HeaderValue, Message } from "../shared/broker/message.ts";
import type { Events, TaskEvent } from "../shared/telemetry/events.ts";
import { Publisher, type PublisherOptions } from "../shared/outbox/publisher.ts";
import { HIDDEN_REPR } from "../shared/results/kept_input.ts";

/** Creates a publisher that emits `task-sent` for each durable message.
 *
 * @param options.hides whether events of a task contain no representation of its arguments */
export function publisherWithEvents(
  { events, hides, ...options }: Omit<PublisherOptions, "sent"> & {
    events: Events;
    hides(name: string): boolean;
  },
): Publisher {
  return new Publisher({
    ...options,
    sent(message, queue) {
      const event = taskSentEvent(message, queue);
      events.emit(
        hides(event.name) ? { ...event, args: HIDDEN_REPR, kwargs: HIDDEN_REPR } : event,
      );
    },
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
