/** The broker of embedded mode: in memory, with an optional journal for persistence. */
import { getLogger } from "@logtape/logtape";
import type {
  Broker,
  BrokerStatus,
  ConsumeOptions,
  Delivery,
  ListenOptions,
  PublishOptions,
  QueueMeasure,
  Subscription,
} from "../broker.ts";
import type { Declaration } from "../declaration.ts";
import type { Destination, Message } from "../message.ts";
import { unlessAborted } from "../../runtime/waits.ts";
import { deadLetter, type DeathReason } from "./dead_letter.ts";
import { normalizeHeaders } from "../headers.ts";
import type { Journal } from "./journal.ts";
import { Latch } from "../../runtime/latch.ts";
import { MemoryQueue, type QueuedMessage } from "./queue.ts";
import { MemorySubscription } from "./subscription.ts";
import { MemoryTopology } from "./topology.ts";
import {
  checkPrefetch,
  journalFailed,
  missingCorrelationId,
  missingExchange,
  nameTaken,
  notConnected,
  notMeasured,
  stopped,
  unroutable,
} from "../errors.ts";
import { DIRECT_REPLY, isDirectReply, Replies } from "../amqp/replies.ts";

/** Dead-letter exchange of all queues, if it exists. In production a policy sets it. */
const DEAD_EXCHANGE = "dlx.celeriac";

const log = getLogger(["celeriac", "broker"]);

/** Options of {@linkcode MemoryBroker}. */
export interface MemoryBrokerOptions {
  /** Keeps persistent messages across restarts. Default: none, messages are lost when the process ends. */
  readonly journal?: Journal;
}

/** A broker for one process. With a journal all queues are durable except those of listeners. */
export class MemoryBroker implements Broker {
  readonly #journal: Journal | undefined;
  readonly #topology = new MemoryTopology();
  readonly #replies = new Replies();
  readonly #replyTo = `${DIRECT_REPLY}.${crypto.randomUUID()}`;
  readonly #subscriptions = new Set<Subscription>();
  /** Queues of listeners: their messages are not journaled. */
  readonly #transientQueues = new Set<string>();
  readonly #ready = new Latch<true>();
  readonly #deadLettering = new Set<Promise<void>>();
  #starting: Promise<void> | undefined;
  #stopped = false;
  #lastId = 0;

  constructor({ journal }: MemoryBrokerOptions = {}) {
    this.#journal = journal;
  }

  get unconfirmed(): readonly Destination[] {
    return [];
  }

  get status(): BrokerStatus {
    if (this.#stopped || !this.#starting) return { state: "stopped" };
    return { state: this.#ready.value ? "connected" : "connecting" };
  }

  /** @throws {DatabaseUnavailable} when the journal cannot be read */
  async start(): Promise<void> {
    if (this.#stopped) return;
    this.#starting ??= this.#load();
    try {
      await this.#starting;
    } catch (error) {
      this.#starting = undefined;
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ready.fail(stopped());
    this.#topology.fail(stopped());
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await Promise.all(this.#deadLettering);
    await this.#journal?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async connected({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#ready.wait(signal);
  }

  async declare({ exchanges, queues, bindings }: Declaration): Promise<void> {
    await this.#ready.wait();
    for (const exchange of exchanges) this.#topology.addExchange(exchange);
    for (const { name } of queues) this.#addQueue(name);
    for (const binding of bindings) this.#topology.bind(binding);
  }

  async publish(message: Message, options: PublishOptions = {}): Promise<void> {
    const { mandatory = true, reply, signal } = options;
    signal?.throwIfAborted();
    if (this.status.state !== "connected") throw notConnected(message, this.status);
    const { correlationId } = message.properties;
    if (reply) {
      if (correlationId === undefined) throw missingCorrelationId();
      this.#replies.expect(correlationId, reply);
    }
    const copy = copyOf(message, reply && this.#replyTo);
    if (isDirectReply(copy)) {
      if (copy.routingKey === this.#replyTo) queueMicrotask(() => this.#replies.dispatch(copy));
      return;
    }
    const queues = this.#topology.route(copy);
    if (!queues) throw missingExchange(message);
    if (queues.length === 0 && mandatory) throw unroutable(message);
    const put = this.#put(copy, queues);
    await (signal ? unlessAborted(put, signal) : put);
  }

  async consume(
    name: string,
    onDelivery: (delivery: Delivery) => void,
    { prefetch }: ConsumeOptions,
  ): Promise<Subscription> {
    checkPrefetch(name, prefetch);
    await this.#ready.wait();
    const queue = await this.#topology.queue(name).wait();
    return this.#subscribe(queue, prefetch, onDelivery);
  }

  async listen(
    exchange: string,
    onMessage: (message: Message) => void,
    { keys, queue: name = `amq.gen-${crypto.randomUUID()}` }: ListenOptions,
  ): Promise<Subscription> {
    await this.#ready.wait();
    await this.#topology.exchange(exchange).wait();
    if (this.#topology.queue(name).value) throw nameTaken(name);
    this.#transientQueues.add(name);
    const queue = this.#addQueue(name);
    for (const routingKey of keys) this.#topology.bind({ exchange, queue: name, routingKey });
    return this.#subscribe(queue, Infinity, (delivery) => {
      delivery.ack();
      onMessage(delivery.message);
    });
  }

  async measure(name: string): Promise<QueueMeasure | undefined> {
    if (this.status.state !== "connected") throw notMeasured(name, "the broker is not connected");
    const queue = this.#topology.queue(name).value;
    return await Promise.resolve(queue && { ready: queue.ready, consumers: queue.consumers });
  }

  async #load(): Promise<void> {
    for (const { id, queue, message } of await this.#journal?.load() ?? []) {
      this.#lastId = Math.max(this.#lastId, id);
      // It may have been delivered before the process ended.
      this.#addQueue(queue).put({ ...this.#queued(message, queue), id, redelivered: true });
    }
    this.#ready.set(true);
  }

  #addQueue(name: string): MemoryQueue {
    const latch = this.#topology.queue(name);
    if (!latch.value) {
      latch.set(
        new MemoryQueue({
          name,
          onDeadLetter: (queued, reason) => this.#deadLetter(queued, name, reason),
        }),
      );
    }
    return latch.value as MemoryQueue;
  }

  #subscribe(
    queue: MemoryQueue,
    prefetch: number,
    onDelivery: (delivery: Delivery) => void,
  ): Subscription {
    const subscription = new MemorySubscription({
      queue,
      prefetch,
      onDelivery,
      onAcked: (queued) => this.#remove(queued),
      onRejected: (queued) => this.#deadLetter(queued, queue.name, "rejected"),
      onCancelled: () => {
        if (this.#transientQueues.delete(queue.name)) this.#topology.removeQueue(queue.name);
      },
      onClosed: () => this.#subscriptions.delete(subscription),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  #queued(message: Message, queue: string): QueuedMessage {
    const { deliveryMode, expiration } = message.properties;
    return {
      id: ++this.#lastId,
      message,
      journaled: this.#journal !== undefined && deliveryMode !== 1 &&
        !this.#transientQueues.has(queue),
      expiresAt: expiration === undefined ? Infinity : performance.now() + Number(expiration),
      redelivered: false,
      returns: 0,
    };
  }

  /** Stores the message in the journal, then puts it into the queues. */
  async #put(message: Message, queues: readonly MemoryQueue[]): Promise<void> {
    const items = queues.map((queue) => ({ queue, queued: this.#queued(message, queue.name) }));
    const entries = items.filter(({ queued }) => queued.journaled)
      .map(({ queue, queued }) => ({ id: queued.id, queue: queue.name, message }));
    if (entries.length > 0) {
      try {
        await this.#journal?.append(entries);
      } catch (cause) {
        throw journalFailed(message, cause);
      }
    }
    for (const { queue, queued } of items) queue.put(queued);
  }

  #remove(queued: QueuedMessage): void {
    if (queued.journaled) this.#journal?.remove(queued.id);
  }

  #deadLetter(queued: QueuedMessage, queue: string, reason: DeathReason): void {
    const dead = deadLetter(queued.message, { to: DEAD_EXCHANGE, queue, reason, at: new Date() });
    // A message rejected from the dead-letter queue itself is dropped.
    const queues = (this.#topology.route(dead) ?? []).filter(({ name }) => name !== queue);
    const moving = this.#put(dead, queues).then(
      () => this.#remove(queued),
      (error) =>
        log.error("Cannot dead-letter a message of queue {queue}: {error}", { queue, error }),
    ).finally(() => this.#deadLettering.delete(moving));
    this.#deadLettering.add(moving);
  }
}

/** Copies a message, so that sender and receiver can change theirs independently. */
function copyOf(message: Message, replyTo: string | undefined): Message {
  const { exchange, routingKey, properties, headers, body } = message;
  return {
    exchange,
    routingKey,
    properties: { deliveryMode: 2, ...properties, ...(replyTo === undefined ? {} : { replyTo }) },
    headers: normalizeHeaders(headers),
    body: new Uint8Array(body),
  };
}
