/** Passes events on to listening workers and to other systems, behind a queue of its own: theirs hold up neither publishers nor tasks.
 *
 * RabbitMQ answers once for all queues that an event reaches. An event that a queue refuses is therefore not repeated: all others would
 * receive it again and again. An event that is not confirmed is repeated until it is; the following ones wait in the forwarder's queue.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Broker, Delivery } from "../shared/broker/broker.ts";
import { BoundedConsumer } from "../shared/broker/consuming/bounded_consumer.ts";
import { EVENT_TYPE_EXCHANGE, FORWARD_QUEUE } from "../shared/broker/event_topology.ts";
import type { Message } from "../shared/broker/message.ts";
import { withoutTransport } from "../shared/celery/headers.ts";
import { InvalidInput, PublishRefused } from "../shared/errors.ts";
import type { Service } from "../shared/runtime/service.ts";
import { pause } from "../shared/runtime/waits.ts";
import type { ForwardOutcome } from "../shared/telemetry/event_metrics.ts";

/** Options of {@linkcode EventForwarder}. */
export interface EventForwarderOptions {
  readonly broker: Broker;
  /** Bytes of a message's body above which it is not forwarded: the dispatcher dead-letters it, and listening workers parse events whole. */
  readonly maxBytes: number;
  /** Called with the outcome of each event. */
  forwarded?(outcome: ForwardOutcome): void;
}

/** Limits of events in flight. */
const PREFETCH = 200;
const IN_FLIGHT_BYTES = 32 * 1024 * 1024;

/** Milliseconds before an event is sent again that the broker did not confirm. */
const RETRY_MS = 500;

/** Milliseconds between two log lines about queues that do not take events. */
const QUIET_MS = 10_000;

/** Consumes the queue of the forwarder. Of several processes, the broker chooses one. */
export class EventForwarder implements Service {
  readonly #options: EventForwarderOptions;
  readonly #consumer: BoundedConsumer;
  readonly #log = getLogger(["celeriac", "events"]);
  #starting: Promise<void> | undefined;
  readonly #stopping = new AbortController();
  /** Refused events since the last log line, and the time of that line. */
  #refused = 0;
  #loggedAt = -Infinity;
  #inFlight = 0;

  constructor(options: EventForwarderOptions) {
    this.#options = options;
    this.#consumer = new BoundedConsumer({
      broker: options.broker,
      queue: FORWARD_QUEUE,
      prefetch: PREFETCH,
      bytes: IN_FLIGHT_BYTES,
      onDelivery: (delivery) => this.#take(delivery),
    });
  }

  /** Returns at once; the consumer starts when the broker accepts it. */
  start(): Promise<void> {
    this.#starting ??= this.#consumer.start().catch((error) => {
      if (!this.#stopping.signal.aborted) {
        this.#log.error("Cannot consume the events to forward: {error}", { error });
      }
    });
    return Promise.resolve();
  }

  /** Waits for the confirms of the events in flight; the broker redelivers all others. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#consumer.cancel();
    await this.#consumer.idle();
    await this.#consumer.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Number of events that are not forwarded: those in the queue, and those in flight here; `NaN` while it cannot be read. */
  async depth(): Promise<number> {
    return (await this.#consumer.ready() ?? Number.NaN) + this.#inFlight;
  }

  async #take(delivery: Delivery): Promise<void> {
    this.#inFlight++;
    try {
      await this.#forward(delivery);
    } finally {
      this.#inFlight--;
    }
  }

  async #forward(delivery: Delivery): Promise<void> {
    const { length } = delivery.message.body;
    if (length > this.#options.maxBytes) return this.#end(delivery, "too-large");
    const message = forwarded(delivery.message);
    while (delivery.open && !this.#stopping.signal.aborted) {
      const outcome = await this.#send(message);
      if (!outcome) {
        await pause(RETRY_MS, this.#stopping.signal);
        continue;
      }
      return this.#end(delivery, outcome);
    }
    delivery.nack({ requeue: true });
  }

  #end(delivery: Delivery, outcome: ForwardOutcome): void {
    delivery.ack();
    this.#options.forwarded?.(outcome);
  }

  /** @returns `undefined` when the broker did not confirm it */
  async #send(message: Message): Promise<ForwardOutcome | undefined> {
    try {
      await this.#options.broker.publish(message, { mandatory: false });
      return "forwarded";
    } catch (error) {
      const isRefused = error instanceof PublishRefused || error instanceof InvalidInput;
      if (isRefused) this.#refused++;
      this.#report(error);
      return isRefused ? "refused" : undefined;
    }
  }

  #report(error: unknown): void {
    const now = performance.now();
    if (now - this.#loggedAt < QUIET_MS) return;
    this.#loggedAt = now;
    this.#log.warn(
      "Cannot forward events to every bound queue; {refused} were refused since the last line: {error}",
      { refused: this.#refused, error },
    );
    this.#refused = 0;
  }
}

/** The event for its receivers. A user id would have to be that of beat's user. */
function forwarded({ routingKey, properties, headers, body }: Message): Message {
  const { userId: _, ...kept } = properties;
  const own = withoutTransport(headers);
  return { exchange: EVENT_TYPE_EXCHANGE, routingKey, properties: kept, headers: own, body };
}
