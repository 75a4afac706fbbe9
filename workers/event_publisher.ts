/** Publishes task events to Celery's event exchange, many in one message. */
import type { Broker } from "../shared/broker/broker.ts";
import { encodeEvents, type EventNode, type TimedEvent } from "../shared/celery/event.ts";
import { Unroutable } from "../shared/errors.ts";
import type { TaskEvent } from "../shared/telemetry/events.ts";
import type { Service } from "../shared/runtime/service.ts";

/** Milliseconds that an event waits for others. A client that waits for the event receives it this much later. */
const GATHER_MS = 20;
/** Events in one message at most. */
const BATCH_MAX = 500;

/** Milliseconds without publishing after a message reached no listener. A new listener misses events for at most this time. */
const QUIET_MS = 1000;

/** Publishes events while there are listeners. Events that the broker does not accept are lost, because events are best effort in Celery.
 *
 * Publishing events that nobody receives would cost the broker as much as the tasks. A message without a queue is returned (`mandatory`);
 * the publisher then pauses before the next try. */
export class EventPublisher implements Service {
  readonly #broker: Pick<Broker, "publish">;
  readonly #node: EventNode;
  #gathered: TimedEvent[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> = Promise.resolve();
  #quiet: ReturnType<typeof setTimeout> | undefined;

  /** Whether events are published. Celery's remote control can change it. */
  enabled: boolean;

  constructor(
    { broker, node, enabled }: {
      broker: Pick<Broker, "publish">;
      node: EventNode;
      enabled: boolean;
    },
  ) {
    this.#broker = broker;
    this.#node = node;
    this.enabled = enabled;
  }

  /** Listener of {@linkcode Events}. */
  readonly publish = (event: TaskEvent): void => {
    if (!this.enabled || this.#quiet !== undefined) return;
    this.#gathered.push({ event, timestamp: Date.now() / 1000 });
    if (this.#gathered.length >= BATCH_MAX) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
  };

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#flush();
    await this.#sending;
    clearTimeout(this.#quiet);
    this.#quiet = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #pause(): void {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#quiet = undefined, QUIET_MS);
    Deno.unrefTimer(this.#quiet);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#gathered;
    if (events.length === 0) return;
    this.#gathered = [];
    const sent = this.#broker.publish(encodeEvents(events, this.#node)).catch((error) => {
      if (error instanceof Unroutable) this.#pause();
    });
    this.#sending = this.#sending.then(() => sent);
  }
}
