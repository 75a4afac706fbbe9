/** Consumes one queue and counts its unacked deliveries. */
import type { Broker, Delivery, Subscription } from "../broker.ts";
import type { Service } from "../../runtime/service.ts";

/** Options of {@linkcode Consumer}. */
export interface ConsumerOptions {
  readonly broker: Broker;
  readonly queue: string;
  /** Maximum number of unacked deliveries. */
  readonly prefetch: number;
  /** Number of consecutive accepted consumers before this one that received nothing although messages were ready. Default 0. */
  readonly emptyRenewals?: number;
  /** Acks or nacks the delivery before it resolves. Must not reject. */
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

  get prefetch(): number {
    return this.#options.prefetch;
  }

  /** Number of unacked deliveries. */
  get unacked(): number {
    return this.#unacked.size;
  }

  /** Whether the broker has accepted the consumer and its channel is open. */
  get active(): boolean {
    return this.#current?.active ?? false;
  }

  /** Number of ready messages in the queue, as the broker counts them; `undefined` while the consumer is not active.
   *
   * @throws {BrokerUnavailable} */
  async ready(): Promise<number | undefined> {
    return this.#current?.active ? await this.#current.ready() : undefined;
  }

  /** Milliseconds since the last delivery, or since the broker accepted the consumer; 0 while it is not active. */
  get quietMs(): number {
    return this.#current?.active ? performance.now() - this.#current.lastActivity : 0;
  }

  /** {@linkcode ConsumerOptions.emptyRenewals} until the first delivery, then 0. */
  get emptyRenewals(): number {
    return this.#hasReceived ? 0 : this.#options.emptyRenewals ?? 0;
  }

  /** `emptyRenewals` for the consumer that replaces this one. */
  async nextEmptyRenewals(): Promise<number> {
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

  /** Stops fetching; unacked deliveries can still be acked. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.#current?.cancel();
  }

  /** Resolves when no delivery is unacked. */
  async idle(): Promise<void> {
    while (this.#unacked.size > 0) await Promise.all(this.#unacked);
  }

  /** Closes the channel: the broker requeues unacked deliveries. */
  async stop(): Promise<void> {
    await this.#current?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #take(delivery: Delivery): void {
    this.#hasReceived = true;
    const handled = this.#options.onDelivery(delivery).finally(() => this.#unacked.delete(handled));
    this.#unacked.add(handled);
  }
}
