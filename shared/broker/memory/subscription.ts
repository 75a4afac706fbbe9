/** A consumer of a queue in memory. */
import { getLogger } from "@logtape/logtape";
import { BrokerUnavailable } from "../../errors.ts";
import type { Delivery, Subscription } from "../broker.ts";
import type { Message } from "../message.ts";
import type { MemoryQueue, QueueConsumer, QueuedMessage } from "./queue.ts";

const log = getLogger(["celeriac", "broker"]);

/** Whom to hand what, and how an answer is kept. */
export interface MemorySubscriptionOptions {
  readonly queue: MemoryQueue;
  readonly prefetch: number;
  onDelivery(delivery: Delivery): void;
  /** Called for what was acked, so that it can be forgotten. */
  done(queued: QueuedMessage): void;
  /** Called for what was refused for good. */
  setAside(queued: QueuedMessage): void;
  /** Called when it stops fetching. */
  cancelled(): void;
  /** Called when its deliveries are in the queue again. */
  closed(): void;
}

/** Hands deliveries to one taker. */
export class MemorySubscription implements Subscription, QueueConsumer {
  readonly #options: MemorySubscriptionOptions;
  readonly #unanswered = new Set<QueuedMessage>();
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

  /** `false` once closed: its deliveries are in the queue again. */
  get open(): boolean {
    return !this.#gone.signal.aborted;
  }

  /** Aborts when it is closed. */
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
    return this.#unanswered.size < this.#options.prefetch;
  }

  take(queued: QueuedMessage): void {
    this.#unanswered.add(queued);
    this.#lastActivity = performance.now();
    try {
      this.#options.onDelivery(new MemoryDelivery(this, queued));
    } catch (error) {
      log.error("Cannot take a message in: {error}", { error });
    }
  }

  /** Settles a delivery, once. */
  answer(queued: QueuedMessage, answer: "ack" | "requeue" | "set aside"): void {
    if (!this.#unanswered.delete(queued)) return;
    const { done, queue, setAside } = this.#options;
    if (answer === "ack") done(queued);
    else if (answer === "requeue") queue.giveBack([queued]);
    else setAside(queued);
    queue.schedule();
  }

  cancel(): Promise<void> {
    if (this.#active) {
      this.#active = false;
      this.#options.queue.detach(this);
      this.#options.cancelled();
    }
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.cancel();
    this.#gone.abort();
    const returned = [...this.#unanswered];
    this.#unanswered.clear();
    this.#options.queue.giveBack(returned);
    this.#options.closed();
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
  #answered = false;

  constructor(subscription: MemorySubscription, queued: QueuedMessage) {
    const { message, returns } = queued;
    this.#subscription = subscription;
    this.#queued = queued;
    this.redelivered = queued.redelivered;
    // RabbitMQ 3.10 to 4.2 count every return of a message to a quorum queue.
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
    this.#answer("ack");
  }

  nack({ requeue }: { requeue: boolean }): void {
    this.#answer(requeue ? "requeue" : "set aside");
  }

  #answer(answer: "ack" | "requeue" | "set aside"): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#subscription.answer(this.#queued, answer);
  }
}
