/** Turns the events in the inbox into tasks.
 *
 * The steps of a batch, in an order that loses nothing: publish the tasks; record the events, which makes later copies known; ack. A batch
 * with many tasks takes the first two steps in parts. After a crash between two steps the events are redelivered, and their tasks have the
 * same ids. If a subscription has changed before the record,
 * the steps are repeated for the new ones: an event makes the tasks of exactly the subscriptions at the moment of its record.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Broker, Delivery } from "../shared/broker/broker.ts";
import { BoundedConsumer } from "../shared/broker/consuming/bounded_consumer.ts";
import { INBOX_QUEUE } from "../shared/broker/event_topology.ts";
import type { Database, Sql } from "../shared/database/database.ts";
import type { DeadLetter } from "../shared/dead_letters/letter.ts";
import { DatabaseUnavailable, InvalidInput, Unavailable } from "../shared/errors.ts";
import { eventTaskId } from "../shared/events/event_key.ts";
import { EventStore } from "../shared/events/event_store.ts";
import type { SubscriptionCache } from "../shared/events/subscription_cache.ts";
import type { StoredSubscription } from "../shared/events/subscription_store.ts";
import type { OutboxEntry } from "../shared/outbox/outbox.ts";
import type { AcceptedTask } from "../shared/outbox/publisher.ts";
import { isUnstorable } from "../shared/results/retry_forever.ts";
import { Batch } from "../shared/runtime/batch.ts";
import type { Service } from "../shared/runtime/service.ts";
import { eventTask } from "./event_tasks.ts";
import {
  type Dispatching,
  dispatching,
  eventLetter,
  firstPart,
  letterId,
  newEvent,
  readEvents,
} from "./incoming_events.ts";

/** Options of {@linkcode EventDispatcher}. */
export interface EventDispatcherOptions {
  readonly broker: Broker;
  readonly database: Database;
  readonly subscriptions: Pick<SubscriptionCache, "current" | "forget">;
  readonly publisher: {
    send(entry: OutboxEntry, options: { patient: boolean }): Promise<"broker" | "outbox">;
  };
  readonly letters: { add(letters: readonly DeadLetter[], sql: Sql): Promise<void> };
  /** The sender in Celery's format, `gen<pid>@<host>`. */
  readonly origin: string;
  /** Bytes of a message's body above which it becomes a dead letter. */
  readonly maxBytes: number;
  /** Called with each task of an event that was recorded now. */
  sent(task: AcceptedTask): void;
  /** Called with the outcome of each event. */
  dispatched?(type: string, outcome: "dispatched" | "duplicate" | "unsubscribed"): void;
  /** Called with the seconds from a delivery to its ack. */
  acked?(seconds: number): void;
}

/** Events in one batch, and unacked: the next batch arrives while one is dispatched. */
const BATCH = 100;
const PREFETCH = 2 * BATCH;

/** Bytes of messages in one batch, without the last one, and unacked. An event needs about ten times its bytes while it is dispatched. */
const BATCH_BYTES = 4 * 1024 * 1024;
const UNACKED_BYTES = 32 * 1024 * 1024;

/** Milliseconds before a failed batch is tried again. */
const RETRY_MS = 1000;

/** Consumes the inbox. Of several processes, the broker chooses one. */
export class EventDispatcher implements Service {
  readonly #options: EventDispatcherOptions;
  readonly #consumer: BoundedConsumer;
  readonly #batch: Batch<Delivery, void>;
  readonly #log = getLogger(["celeriac", "events"]);
  /** Deliveries whose event is recorded, also if others of their batch are not. */
  readonly #done = new WeakSet<Delivery>();
  #starting: Promise<void> | undefined;
  #stopping = false;

  constructor(options: EventDispatcherOptions) {
    this.#options = options;
    this.#consumer = new BoundedConsumer({
      broker: options.broker,
      queue: INBOX_QUEUE,
      prefetch: PREFETCH,
      bytes: UNACKED_BYTES,
      onDelivery: (delivery) => this.#take(delivery),
    });
    this.#batch = new Batch<Delivery, void>({
      name: "events",
      size: BATCH,
      weight: BATCH_BYTES,
      weigh: ({ message }) => message.body.length,
      flush: (deliveries) => this.#dispatch(deliveries),
      failed: (error) => this.#judge(error),
    });
  }

  /** Returns at once; the consumer starts when the broker accepts it. */
  start(): Promise<void> {
    this.#starting ??= this.#batch.start().then(() => this.#consumer.start()).catch((error) => {
      if (!this.#stopping) {
        this.#log.error("Cannot consume the inbox of events: {error}", { error });
      }
    });
    return Promise.resolve();
  }

  /** Finishes the events that it has received, unless a server is away; the broker redelivers all others. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#consumer.cancel();
    await this.#batch.stop();
    await this.#consumer.idle();
    await this.#consumer.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Number of events in the inbox that are not delivered, as the broker counts them; `NaN` while it cannot be read. */
  async depth(): Promise<number> {
    return await this.#consumer.ready() ?? Number.NaN;
  }

  async #take(delivery: Delivery): Promise<void> {
    const began = performance.now();
    try {
      await this.#batch.add(delivery);
      delivery.ack();
      this.#options.acked?.((performance.now() - began) / 1000);
    } catch (error) {
      if (!this.#stopping) this.#log.error("Cannot dispatch an event: {error}", { error });
      delivery.nack({ requeue: true });
    }
  }

  /** One event that cannot be dispatched must not hold up the others of its batch; alone, it is dead-lettered (see {@linkcode #dispatch}). */
  #judge(error: unknown): number | "split" {
    if (isUnstorable(error)) return "split";
    if (!(error instanceof DatabaseUnavailable || error instanceof Unavailable)) {
      this.#log.error("Cannot dispatch events, trying again: {error}", { error });
    }
    return RETRY_MS;
  }

  async #dispatch(deliveries: readonly Delivery[]): Promise<void[]> {
    try {
      // The broker redelivers the others.
      await this.#dispatchOpen(deliveries.filter((one) => one.open && !this.#done.has(one)));
    } catch (error) {
      const [only] = deliveries;
      if (!isUnstorable(error) || deliveries.length > 1 || !only) throw error;
      const detail = error instanceof Error ? error.message : String(error);
      const refused = eventLetter(only, "malformed", { detail, id: letterId(only) });
      const { database, letters } = this.#options;
      await database.transaction((sql) => letters.add([refused], sql));
    }
    return deliveries.map(() => {});
  }

  async #dispatchOpen(deliveries: readonly Delivery[]): Promise<void> {
    const { incoming, malformed } = readEvents(deliveries, this.#options.maxBytes);
    const store = new EventStore({ database: this.#options.database });
    const known = incoming.size === 0 ? new Set() : await store.known([...incoming.keys()]);
    const fresh = [...incoming.values()].filter(({ key }) => !known.has(key)).map(dispatching);
    for (const { key, event, delivery } of incoming.values()) {
      if (!known.has(key)) continue;
      this.#done.add(delivery);
      this.#options.dispatched?.(event.type, "duplicate");
    }
    await this.#publishAndRecord(fresh, malformed);
  }

  async #publishAndRecord(
    fresh: readonly Dispatching[],
    malformed: readonly DeadLetter[],
  ): Promise<void> {
    const { subscriptions } = this.#options;
    let [rest, letters] = [fresh, malformed];
    while (rest.length + letters.length > 0) {
      const current = rest.length > 0 ? await subscriptions.current() : undefined;
      const part = current ? firstPart(rest, current) : [];
      await Promise.all(part.map(([one, selecting]) => this.#publish(one, selecting)));
      const events = part.map(([one]) => one);
      if (!await this.#record(events, letters, current?.revision)) {
        subscriptions.forget();
        continue;
      }
      this.#recorded(events);
      rest = rest.slice(part.length);
      letters = [];
    }
  }

  #recorded(events: readonly Dispatching[]): void {
    const { dispatched, sent } = this.#options;
    for (const { event, delivery, tasks } of events) {
      this.#done.add(delivery);
      dispatched?.(event.type, tasks.size > 0 ? "dispatched" : "unsubscribed");
      for (const task of tasks.values()) sent(task);
    }
  }

  /** Publishes the tasks of one event. A task without valid arguments becomes a dead letter of the event. */
  async #publish(
    { key, event, given, delivery, tasks, letters }: Dispatching,
    subscriptions: readonly StoredSubscription[],
  ): Promise<void> {
    const { publisher, origin } = this.#options;
    const news = subscriptions.filter(({ name }) => !tasks.has(name) && !letters.has(name));
    await Promise.all(news.map(async (subscription) => {
      const { name } = subscription;
      try {
        const task = eventTask({ event, key, given }, subscription, { origin, now: new Date() });
        const via = await publisher.send(task.entry, { patient: true });
        tasks.set(name, { ...task.task, via });
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        const detail = `subscription '${name}': ${error.message}`;
        const id = eventTaskId(key, name, "dead letter");
        letters.set(name, eventLetter(delivery, "invalid-input", { detail, id }));
      }
    }));
  }

  /** @returns `false` when the subscriptions have changed since `revision` */
  #record(
    fresh: readonly Dispatching[],
    malformed: readonly DeadLetter[],
    revision: string | undefined,
  ): Promise<boolean> {
    const letters = [...malformed, ...fresh.flatMap(({ letters }) => [...letters.values()])];
    return this.#options.database.transaction(async (sql) => {
      const store = new EventStore({ database: sql });
      if (revision !== undefined && await store.lock() !== revision) return false;
      await store.record(fresh.map(newEvent));
      if (letters.length > 0) await this.#options.letters.add(letters, sql);
      return true;
    });
  }
}
