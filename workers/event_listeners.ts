/** Calls the functions of `onEach()` with the events that reach this worker. */
import { getLogger } from "@logtape/logtape";
import type { Broker, Subscription } from "../shared/broker/broker.ts";
import { EVENT_TYPE_EXCHANGE, SUBSCRIBER_PREFIX } from "../shared/broker/event_topology.ts";
import type { Message } from "../shared/broker/message.ts";
import { InvalidInput, Malformed } from "../shared/errors.ts";
import { readEventMessage } from "../shared/events/amqp.ts";
import type { CloudEvent } from "../shared/events/cloud_event.ts";
import type { CloudEventListener } from "../shared/events/cloud_event_listener.ts";
import { selects } from "../shared/events/selection.ts";
import type { Service } from "../shared/runtime/service.ts";

/** Options of {@linkcode EventListeners}. */
export interface EventListenersOptions {
  readonly broker: Pick<Broker, "listen">;
  readonly listeners: readonly CloudEventListener[];
  /** Name of the worker's node, for its queue. */
  readonly node: string;
}

/** Prefix of the queues of listening workers. The broker's policy of subscribers bounds them. */
export const LISTENER_PREFIX = `${SUBSCRIBER_PREFIX}celeriac.`;

/** Maximum number of running calls. The broker sends events without waiting for them, so slow functions would fill the memory. */
const RUNNING_MAX = 10_000;

/** Milliseconds between two log lines about skipped calls. */
const QUIET_MS = 1000;

/** Receives events through an exclusive queue of this worker. Without listeners it does nothing. */
export class EventListeners implements Service {
  readonly #options: EventListenersOptions;
  readonly #log = getLogger(["celeriac", "worker"]);
  #listening: Promise<Subscription | undefined> | undefined;
  #stopping = false;
  #running = 0;
  /** Calls skipped since the last log line, and the time of that line. */
  #skipped = 0;
  #loggedAt = -Infinity;

  constructor(options: EventListenersOptions) {
    this.#options = options;
  }

  /** Returns at once; events arrive when the broker has accepted the queue. */
  start(): Promise<void> {
    const { broker, listeners, node } = this.#options;
    if (listeners.length === 0) return Promise.resolve();
    const keys = [...new Set(listeners.flatMap(({ patterns }) => patterns))];
    const queue = LISTENER_PREFIX + node;
    this.#listening ??= broker.listen(EVENT_TYPE_EXCHANGE, (message) => this.#receive(message), {
      keys,
      queue,
    }).catch((error) => {
      if (!this.#stopping) this.#log.error("Cannot listen to events: {error}", { error });
      return undefined;
    });
    return Promise.resolve();
  }

  /** Does not wait for running functions. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const waiting = Promise.resolve("waiting" as const);
    const listening = await Promise.race([this.#listening, waiting]);
    // A broker that never accepted the queue rejects when it stops.
    if (listening !== "waiting") await listening?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #receive(message: Message): void {
    let event: CloudEvent;
    try {
      event = readEventMessage(message);
    } catch (error) {
      if (!(error instanceof InvalidInput || error instanceof Malformed)) throw error;
      // The dispatcher dead-letters it.
      this.#log.debug("Skipping a malformed event: {error}", { error });
      return;
    }
    for (const listener of this.#options.listeners) {
      if (selects(listener, event)) void this.#call(listener, event);
    }
  }

  async #call(listener: CloudEventListener, event: CloudEvent): Promise<void> {
    if (this.#running >= RUNNING_MAX) return this.#skip();
    this.#running++;
    try {
      await listener.receive(event);
    } catch (error) {
      const { type, id } = event;
      this.#log.error("A function of onEach() failed for event '{type}' [{id}]: {error}", {
        ...{ type, id, error },
      });
    } finally {
      this.#running--;
    }
  }

  #skip(): void {
    this.#skipped++;
    if (performance.now() - this.#loggedAt < QUIET_MS) return;
    this.#loggedAt = performance.now();
    this.#log.warn(
      "Skipped {count} calls of functions of onEach() because {running} are running: make them faster",
      { count: this.#skipped, running: RUNNING_MAX },
    );
    this.#skipped = 0;
  }
}
