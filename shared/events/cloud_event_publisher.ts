/** Publishes events: to the broker with a confirm, otherwise to the outbox. */
import type { OutboxEntry } from "../outbox/outbox.ts";
import { toEventMessage } from "./amqp.ts";
import type { CloudEvent } from "./cloud_event.ts";
import { eventKey } from "./event_key.ts";

/** An event that something durable holds. */
export interface AcceptedEvent {
  /** Its key, from which the ids of its tasks follow. */
  readonly key: string;
  /** What holds it. */
  readonly via: "broker" | "outbox";
}

/** Options of {@linkcode CloudEventPublisher}. */
export interface CloudEventPublisherOptions {
  readonly publisher: {
    send(
      entry: OutboxEntry,
      options: { patient: boolean; what: string },
    ): Promise<"broker" | "outbox">;
  };
}

/** Publishes events and reports success only when the inbox has confirmed them, or the outbox has committed them. */
export class CloudEventPublisher {
  readonly #publisher: CloudEventPublisherOptions["publisher"];

  constructor({ publisher }: CloudEventPublisherOptions) {
    this.#publisher = publisher;
  }

  /** Resolves when the event is durable. If the exchange or the inbox does not exist, the outbox holds the event until they do.
   *
   * @throws {OutcomeUnknown} when neither broker nor database confirmed in time, but either may have the event: publish it again
   * @throws {Unavailable} when neither broker nor database could accept it */
  async publish(event: CloudEvent): Promise<AcceptedEvent> {
    const key = eventKey(event);
    const entry = {
      taskId: key,
      retries: 0,
      due: performance.now(),
      message: toEventMessage(event, key),
    };
    const via = await this.#publisher.send(entry, { patient: true, what: `event '${key}'` });
    return { key, via };
  }
}
