/** The broker of embedded mode: in this process, in memory, with a journal where messages must outlive it. */
import { getLogger } from "@logtape/logtape";
import type {
  Broker,
  BrokerStatus,
  ConsumeOptions,
  Delivery,
  ListenOptions,
  PublishOptions,
  Subscription,
} from "../broker.ts";
import type { Declaration } from "../declaration.ts";
import type { Destination, Message } from "../message.ts";
import { unlessAborted } from "../../runtime/waits.ts";
import { deadLetter, type Death } from "./dead_letter.ts";
import { carried } from "../headers.ts";
import type { Journal } from "./journal.ts";
import { Latch } from "../../runtime/latch.ts";
import { MemoryQueue, type QueuedMessage } from "./queue.ts";
import { MemorySubscription } from "./subscription.ts";
import { MemoryTopology } from "./topology.ts";
import {
  checkPrefetch,
  missingExchange,
  nameTaken,
  stopped,
  unavailable,
  uncorrelated,
  unjournaled,
  unroutable,
} from "../errors.ts";
import { DIRECT_REPLY, isDirectReply, Replies } from "../amqp/replies.ts";

/** Exchange that takes what queues set aside, where it exists: in production a policy says so. */
const DEAD_EXCHANGE = "dlx.celeriac";

const log = getLogger(["celeriac", "broker"]);

/** What a broker in memory is made of. */
export interface MemoryBrokerOptions {
  /** Keeps persistent messages over a restart; without it they are lost with the process. */
  readonly journal?: Journal;
}

/** A broker for one process. All queues are durable as far as the journal goes; those of listeners are not. */
export class MemoryBroker implements Broker {
  readonly #journal: Journal | undefined;
  readonly #topology = new MemoryTopology();
  readonly #replies = new Replies();
  readonly #replyTo = `${DIRECT_REPLY}.${crypto.randomUUID()}`;
  readonly #subscriptions = new Set<Subscription>();
  /** Queues that go with their listener: nothing in them is journaled. */
  readonly #passing = new Set<string>();
  readonly #ready = new Latch<true>();
  readonly #settingAside = new Set<Promise<void>>();
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
    await Promise.all(this.#settingAside);
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
    if (this.status.state !== "connected") throw unavailable(message, this.status);
    const { correlationId } = message.properties;
    if (reply) {
      if (correlationId === undefined) throw uncorrelated();
      this.#replies.expect(correlationId, reply);
    }
    const copy = copied(message, reply && this.#replyTo);
    if (isDirectReply(copy)) {
      if (copy.routingKey === this.#replyTo) queueMicrotask(() => this.#replies.hear(copy));
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
    this.#passing.add(name);
    const queue = this.#addQueue(name);
    for (const routingKey of keys) this.#topology.bind({ exchange, queue: name, routingKey });
    return this.#subscribe(queue, Infinity, (delivery) => {
      delivery.ack();
      onMessage(delivery.message);
    });
  }

  async #load(): Promise<void> {
    for (const { id, queue, message } of await this.#journal?.load() ?? []) {
      this.#lastId = Math.max(this.#lastId, id);
      // It may have been handed out before the process ended.
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
          setAside: (queued, reason) => this.#setAside(queued, name, reason),
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
      done: (queued) => this.#done(queued),
      setAside: (queued) => this.#setAside(queued, queue.name, "rejected"),
      cancelled: () => {
        if (this.#passing.delete(queue.name)) this.#topology.removeQueue(queue.name);
      },
      closed: () => this.#subscriptions.delete(subscription),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  #queued(message: Message, queue: string): QueuedMessage {
    const { deliveryMode, expiration } = message.properties;
    return {
      id: ++this.#lastId,
      message,
      journaled: this.#journal !== undefined && deliveryMode !== 1 && !this.#passing.has(queue),
      expiresAt: expiration === undefined ? Infinity : performance.now() + Number(expiration),
      redelivered: false,
      returns: 0,
    };
  }

  /** Into the journal, then into the queues. */
  async #put(message: Message, queues: readonly MemoryQueue[]): Promise<void> {
    const items = queues.map((queue) => ({ queue, queued: this.#queued(message, queue.name) }));
    const entries = items.filter(({ queued }) => queued.journaled)
      .map(({ queue, queued }) => ({ id: queued.id, queue: queue.name, message }));
    if (entries.length > 0) {
      try {
        await this.#journal?.append(entries);
      } catch (cause) {
        throw unjournaled(message, cause);
      }
    }
    for (const { queue, queued } of items) queue.put(queued);
  }

  #done(queued: QueuedMessage): void {
    if (queued.journaled) this.#journal?.remove(queued.id);
  }

  #setAside(queued: QueuedMessage, queue: string, reason: Death): void {
    const dead = deadLetter(queued.message, { to: DEAD_EXCHANGE, queue, reason, at: new Date() });
    // What the queue of dead letters itself refuses is gone.
    const queues = (this.#topology.route(dead) ?? []).filter(({ name }) => name !== queue);
    const moving = this.#put(dead, queues).then(
      () => this.#done(queued),
      (error) =>
        log.error("Cannot set a message of queue {queue} aside: {error}", { queue, error }),
    ).finally(() => this.#settingAside.delete(moving));
    this.#settingAside.add(moving);
  }
}

/** What arrives is no part of what was sent: either side may go on changing its own. */
function copied(message: Message, replyTo: string | undefined): Message {
  const { exchange, routingKey, properties, headers, body } = message;
  return {
    exchange,
    routingKey,
    properties: { deliveryMode: 2, ...properties, ...(replyTo === undefined ? {} : { replyTo }) },
    headers: carried(headers),
    body: new Uint8Array(body),
  };
}
