/** A consumer of a queue in memory. */
import { getLogger } from "@logtape/logtape";
import { BrokerUnavailable } from "../../errors.ts";
import type { Delivery, Subscription } from "../broker.ts";
import type { Message } from "../message.ts";
import type { MemoryQueue, QueueConsumer, QueuedMessage } from "./queue.ts";

const log = getLogger(["celeriac", "broker"]);

/** Options of {@linkcode MemorySubscription}. */
export interface MemorySubscriptionOptions {
  readonly queue: MemoryQueue;
  readonly prefetch: number;
  onDelivery(delivery: Delivery): void;
  /** Called for an acked message. */
  onAcked(queued: QueuedMessage): void;
  /** Called for a message nacked without requeue. */
  onRejected(queued: QueuedMessage): void;
  /** Called when the subscription stops fetching. */
  onCancelled(): void;
  /** Called when the unacked deliveries are requeued. */
  onClosed(): void;
}

/** Delivers messages to one consumer. */
export class MemorySubscription implements Subscription, QueueConsumer {
  readonly #options: MemorySubscriptionOptions;
  readonly #unacked = new Set<QueuedMessage>();
  readonly #gone = new AbortController();
  #active = true;
  #lastActivity = performance.now();

  constructor(options: MemorySubscriptionOptions) {
    this.#options = options;
    options.queue.attach(this);
  }

  get queue(): string {
    return this.#options.queue.name;
  }

  get active(): boolean {
    return this.#active;
  }

  /** `false` once closed: unacked deliveries are then requeued. */
  get open(): boolean {
    return !this.#gone.signal.aborted;
  }

  /** Aborts when the subscription is closed. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get lastActivity(): number {
    return this.#lastActivity;
  }

  ready(): Promise<number> {
    const { queue } = this.#options;
    if (this.#active) return Promise.resolve(queue.ready);
    return Promise.reject(
      new BrokerUnavailable(
        `Cannot count messages of queue '${queue.name}' because it is not consumed`,
      ),
    );
  }

  get hasRoom(): boolean {
    return this.#unacked.size < this.#options.prefetch;
  }

  take(queued: QueuedMessage): void {
    this.#unacked.add(queued);
    this.#lastActivity = performance.now();
    try {
      this.#options.onDelivery(new MemoryDelivery(this, queued));
    } catch (error) {
      log.error("Message handler failed: {error}", { error });
    }
  }

  /** Settles a delivery once; later calls have no effect. */
  settle(queued: QueuedMessage, how: "ack" | "requeue" | "reject"): void {
    if (!this.#unacked.delete(queued)) return;
    const { onAcked, queue, onRejected } = this.#options;
    if (how === "ack") onAcked(queued);
    else if (how === "requeue") queue.requeue([queued]);
    else onRejected(queued);
    queue.schedule();
  }

  cancel(): Promise<void> {
    if (this.#active) {
      this.#active = false;
      this.#options.queue.detach(this);
      this.#options.onCancelled();
    }
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.cancel();
    this.#gone.abort();
    const returned = [...this.#unacked];
    this.#unacked.clear();
    this.#options.queue.requeue(returned);
    this.#options.onClosed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class MemoryDelivery implements Delivery {
  readonly message: Message;
  readonly redelivered: boolean;
  readonly #subscription: MemorySubscription;
  readonly #queued: QueuedMessage;
  #isSettled = false;

  constructor(subscription: MemorySubscription, queued: QueuedMessage) {
    const { message, returns } = queued;
    this.#subscription = subscription;
    this.#queued = queued;
    this.redelivered = queued.redelivered;
    // RabbitMQ 3.10 to 4.2 count every requeue in a quorum queue.
    const counted = { ...message.headers, "x-delivery-count": returns };
    this.message = returns === 0 ? message : { ...message, headers: counted };
  }

  get open(): boolean {
    return this.#subscription.open;
  }

  get gone(): AbortSignal {
    return this.#subscription.gone;
  }

  ack(): void {
    this.#settle("ack");
  }

  nack({ requeue }: { requeue: boolean }): void {
    this.#settle(requeue ? "requeue" : "reject");
  }

  #settle(how: "ack" | "requeue" | "reject"): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#subscription.settle(this.#queued, how);
  }
}
