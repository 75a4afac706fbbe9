/** Consumes one queue, with a bound on the bytes of its unacked deliveries. */
import { getLogger } from "@logtape/logtape";
import type { Broker, Delivery } from "../broker.ts";
import { Consumer } from "./consumer.ts";
import type { Service } from "../../runtime/service.ts";

/** Options of {@linkcode BoundedConsumer}. */
export interface BoundedConsumerOptions {
  readonly broker: Broker;
  readonly queue: string;
  /** Maximum number of unacked deliveries. */
  readonly prefetch: number;
  /** Maximum bytes of the bodies of unacked deliveries; a single one may exceed it. */
  readonly bytes: number;
  /** Acks or nacks the delivery before it resolves. Must not reject. */
  onDelivery(delivery: Delivery): Promise<void>;
}

/** Deliveries after which a larger prefetch may replace one that was chosen for large messages. */
const WINDOW = 200;

/** AMQP's prefetch counts messages. When those in flight have too many bytes, the consumer returns the others to the queue, and is replaced
 * by one with a prefetch at which messages as large as the largest would fit. When messages have become smaller, the prefetch grows. */
export class BoundedConsumer implements Service {
  readonly #options: BoundedConsumerOptions;
  #consumer: Consumer;
  #replacing = false;
  #stopping = false;
  /** Bytes of unacked deliveries. */
  #bytes = 0;
  /** Deliveries in this window, and the bytes of the largest. */
  #delivered = 0;
  #largest = 1;

  constructor(options: BoundedConsumerOptions) {
    this.#options = options;
    this.#consumer = this.#make(options.prefetch);
  }

  /** Maximum number of unacked deliveries now. */
  get prefetch(): number {
    return this.#consumer.prefetch;
  }

  /** Number of ready messages in the queue, as the broker counts them; `undefined` while the consumer is not active.
   *
   * @throws {BrokerUnavailable} */
  ready(): Promise<number | undefined> {
    return this.#consumer.ready();
  }

  /** Resolves when the broker has accepted the consumer for the first time. */
  start(): Promise<void> {
    return this.#consumer.start();
  }

  /** Stops fetching; unacked deliveries can still be acked. */
  async cancel(): Promise<void> {
    this.#stopping = true;
    await this.#consumer.cancel();
  }

  /** Resolves when no delivery is unacked. */
  idle(): Promise<void> {
    return this.#consumer.idle();
  }

  /** Closes the channel: the broker requeues unacked deliveries. */
  stop(): Promise<void> {
    this.#stopping = true;
    return this.#consumer.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #make(prefetch: number): Consumer {
    const { broker, queue } = this.#options;
    return new Consumer({
      broker,
      queue,
      prefetch,
      onDelivery: (delivery) => this.#take(delivery),
    });
  }

  async #take(delivery: Delivery): Promise<void> {
    const { bytes, onDelivery } = this.#options;
    const size = delivery.message.body.length;
    this.#delivered++;
    this.#largest = Math.max(this.#largest, size);
    if (this.#bytes > 0 && this.#bytes + size > bytes) {
      delivery.nack({ requeue: true });
      this.#replace();
      return;
    }
    this.#bytes += size;
    await onDelivery(delivery);
    this.#bytes -= size;
    if (this.#delivered < WINDOW) return;
    if (this.#fitting() >= 2 * this.prefetch) this.#replace();
    else this.#renewWindow();
  }

  /** The prefetch at which messages like the largest of this window fit. */
  #fitting(): number {
    const { bytes, prefetch } = this.#options;
    return Math.min(prefetch, Math.max(1, Math.floor(bytes / this.#largest)));
  }

  #renewWindow(): void {
    this.#delivered = 0;
    this.#largest = 1;
  }

  #replace(): void {
    if (this.#replacing || this.#stopping) return;
    this.#replacing = true;
    this.#replaceNow().catch((error) => {
      if (this.#stopping) return;
      log.error("Cannot consume queue {queue}: {error}", { queue: this.#options.queue, error });
    });
  }

  /** The next consumer starts when nothing is unacked, so that both together never exceed the bound. */
  async #replaceNow(): Promise<void> {
    const last = this.#consumer;
    await last.cancel();
    await last.idle();
    await last.stop();
    this.#replacing = false;
    if (this.#stopping) return;
    this.#consumer = this.#make(this.#fitting());
    this.#renewWindow();
    await this.#consumer.start();
  }
}

const log = getLogger(["celeriac", "broker"]);
