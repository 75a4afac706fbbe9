/** Takes deliveries from one queue and keeps count of those in hand. Knows no tasks. */
import type { Broker, Delivery, Subscription } from "../broker.ts";
import type { Service } from "../../runtime/service.ts";

/** How to make a {@linkcode Consumer}. */
export interface ConsumerOptions {
  readonly broker: Broker;
  readonly queue: string;
  /** Deliveries in hand at most. */
  readonly prefetch: number;
  /** Consumers before this one that were accepted one after the other and brought nothing, though messages waited. Default 0. */
  readonly emptyRenewals?: number;
  /** Answers the delivery (ack or nack) before it resolves. Must not reject. */
  onDelivery(delivery: Delivery): Promise<void>;
}

/** A consumer of one queue. */
export class Consumer implements Service {
  readonly #options: ConsumerOptions;
  readonly #unacked = new Set<Promise<void>>();
  #subscription: Promise<Subscription> | undefined;
  #current: Subscription | undefined;
  #cancelled = false;
  #hasReceived = false;

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  get queue(): string {
    return this.#options.queue;
  }

  /** Deliveries in hand at most. */
  get prefetch(): number {
    return this.#options.prefetch;
  }

  /** Deliveries that are not answered yet. */
  get unacked(): number {
    return this.#unacked.size;
  }

  /** Whether the broker has accepted the consumer and it still stands. */
  get active(): boolean {
    return this.#current?.active ?? false;
  }

  /** Milliseconds since the last delivery, or since the broker accepted the consumer; 0 where it does not stand. */
  get quietMs(): number {
    return this.#current?.active ? performance.now() - this.#current.lastActivity : 0;
  }

  /** Consumers before this one that brought nothing though messages waited, until this one brings something. */
  get emptyRenewals(): number {
    return this.#hasReceived ? 0 : this.#options.emptyRenewals ?? 0;
  }

  /** How often a consumer that takes this one's place comes after one that brought nothing though messages wait. */
  async emptyRenewalsNow(): Promise<number> {
    if (this.#hasReceived || !this.#current?.active) return 0;
    return await this.#current.ready() > 0 ? this.emptyRenewals + 1 : 0;
  }

  /** Resolves when the broker has accepted the consumer for the first time. */
  async start(): Promise<void> {
    const { broker, queue, prefetch } = this.#options;
    this.#subscription ??= broker.consume(queue, (delivery) => this.#take(delivery), { prefetch });
    const subscription = await this.#subscription;
    if (this.#cancelled) await subscription.close();
    else this.#current = subscription;
  }

  /** Stops fetching; what is in hand can still be answered. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.#current?.cancel();
  }

  /** Resolves when nothing is in hand. */
  async idle(): Promise<void> {
    while (this.#unacked.size > 0) await Promise.all(this.#unacked);
  }

  /** Closes the channel: the broker takes back what is in hand. */
  async stop(): Promise<void> {
    await this.#current?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #take(delivery: Delivery): void {
    this.#hasReceived = true;
    const answered = this.#options.onDelivery(delivery).finally(() =>
      this.#unacked.delete(answered)
    );
    this.#unacked.add(answered);
  }
}
