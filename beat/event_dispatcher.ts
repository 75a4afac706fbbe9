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
import { DatabaseUnavailable, Unavailable } from "../shared/errors.ts";
import { isSameEventText } from "../shared/events/event_copies.ts";
import { EventStore } from "../shared/events/event_store.ts";
import { type SubscriptionCache, subscriptionsOf } from "../shared/events/subscription_cache.ts";
import { SubscriptionStore } from "../shared/events/subscription_store.ts";
import type { OutboxEntry } from "../shared/outbox/outbox.ts";
import type { AcceptedTask } from "../shared/outbox/publisher.ts";
import { isUnstorable } from "../shared/results/retry_forever.ts";
import { Batch } from "../shared/runtime/batch.ts";
import type { Service } from "../shared/runtime/service.ts";
import { redrive } from "./event_redriver.ts";
import { sendTasks } from "./event_task_sender.ts";
import {
  type Dispatching,
  dispatching,
  eventLetter,
  firstPart,
  type Incoming,
  letterId,
  letterParts,
  newEvent,
  readEvents,
} from "./incoming_events.ts";

/** `conflicting`: a copy of an event with other content. */
export type DispatchOutcome = "dispatched" | "duplicate" | "conflicting" | "unsubscribed";

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
  dispatched?(type: string, outcome: DispatchOutcome): void;
  /** Called with the seconds from a delivery to its ack. */
  acked?(seconds: number): void;
}

/** Events in one batch, and unacked: the next batch arrives while one is dispatched. */
const BATCH = 100;
const PREFETCH = 2 * BATCH;

/** Bytes of messages in one batch, without the last one, and unacked. An event needs about ten times its bytes while it is dispatched. */
const BATCH_BYTES = 4 * 1024 * 1024;
const UNACKED_BYTES = 32 * 1024 * 1024;

/** Milliseconds between two log lines about copies with other content. */
const QUIET_MS = 10_000;

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
  /** Copies with other content since the last log line, and the time of that line. */
  #conflicting = 0;
  #loggedAt = -Infinity;
  #unacked = 0;

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

  /** Number of events that are not dispatched: those in the inbox, and those unacked here; `NaN` while it cannot be read. */
  async depth(): Promise<number> {
    return (await this.#consumer.ready() ?? Number.NaN) + this.#unacked;
  }

  async #take(delivery: Delivery): Promise<void> {
    const began = performance.now();
    this.#unacked++;
    try {
      await this.#batch.add(delivery);
      delivery.ack();
      this.#options.acked?.((performance.now() - began) / 1000);
    } catch (error) {
      if (!this.#stopping) this.#log.error("Cannot dispatch an event: {error}", { error });
      delivery.nack({ requeue: true });
    } finally {
      this.#unacked--;
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
    const { maxBytes, database, dispatched } = this.#options;
    const { incoming, copies, redriven, malformed } = readEvents(deliveries, maxBytes);
    const store = new EventStore({ database });
    const events = [...incoming.values()];
    const known = events.length === 0 ? new Set() : await store.known([...incoming.keys()]);
    const recorded = events.filter(({ key }) => known.has(key));
    const contents = await store.contents(recorded.map(({ key }) => key));
    for (const one of recorded) this.#copied(one, contents.get(one.key));
    await this.#publishAndRecord(events.filter(({ key }) => !known.has(key)), malformed);
    for (const one of copies) {
      this.#copied(one, contents.get(one.key) ?? incoming.get(one.key)!.json);
    }
    for (const one of redriven) {
      const outcome = await redrive(one, this.#options);
      this.#done.add(one.delivery);
      if (outcome !== "refused") dispatched?.(one.event.type, outcome);
    }
  }

  /** Ends a copy of an event. CloudEvents permits to take events with the same source and id for copies, so it makes no tasks.
   *
   * @param first the event's content; `undefined` if it is too large to compare */
  #copied({ key, event, json, delivery }: Incoming, first: string | undefined): void {
    const isSame = first === undefined || isSameEventText(json, first);
    this.#done.add(delivery);
    this.#options.dispatched?.(event.type, isSame ? "duplicate" : "conflicting");
    if (isSame) return;
    this.#conflicting++;
    const now = performance.now();
    if (now - this.#loggedAt < QUIET_MS) return;
    this.#loggedAt = now;
    this.#log.warn(
      "Cannot dispatch event '{id}' of '{source}' because event {key} has the same source, id and time but other content: give each event its own id ({count} such events since the last line)",
      {
        id: event.id.slice(0, 200),
        source: event.source.slice(0, 200),
        key,
        count: this.#conflicting,
      },
    );
    this.#conflicting = 0;
  }

  async #publishAndRecord(
    fresh: readonly Incoming[],
    malformed: readonly DeadLetter[],
  ): Promise<void> {
    const { subscriptions } = this.#options;
    await this.#addLetters(malformed);
    let rest = fresh.map(dispatching);
    while (rest.length > 0) {
      const current = await subscriptions.current();
      const part = firstPart(rest, current);
      await Promise.all(
        part.map(([one, selecting]) => sendTasks(one, selecting, this.#options)),
      );
      const events = part.map(([one]) => one);
      await this.#addLetters(events.flatMap(({ letters }) => [...letters.values()]));
      if (await this.#record(events, current.revision)) {
        this.#recorded(events);
        rest = rest.slice(part.length);
      } else subscriptions.forget();
    }
  }

  /** Before the events are recorded: a repetition has the same letters. */
  async #addLetters(all: readonly DeadLetter[]): Promise<void> {
    const { database, letters } = this.#options;
    for (const part of letterParts(all)) {
      await database.transaction((sql) => letters.add(part, sql));
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

  /** Whether the present subscriptions make no further tasks of the events. Otherwise a caller who changes any subscription all the time would
   * hold up all events. */
  async #isComplete(events: readonly Dispatching[], sql: Sql): Promise<boolean> {
    const present = subscriptionsOf(await new SubscriptionStore({ database: sql }).all());
    return events.every(({ event, tasks, letters }) =>
      present.of(event).every(({ name }) => tasks.has(name) || letters.has(name))
    );
  }

  /** @returns `false` when subscriptions since `revision` make further tasks */
  #record(events: readonly Dispatching[], revision: string): Promise<boolean> {
    return this.#options.database.transaction(async (sql) => {
      const store = new EventStore({ database: sql });
      if (await store.lock() !== revision && !await this.#isComplete(events, sql)) return false;
      await store.record(events.map(newEvent));
      return true;
    });
  }
}
