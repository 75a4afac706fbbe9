/** A consumer that outlives connections, cancels and deletions. */
import type { ConsumeMessage } from "amqplib";
import { BrokerUnavailable } from "../../errors.ts";
import { KeptChannel, type LiveChannel } from "./channel.ts";
import type { AmqpConnection } from "./connection.ts";
import type { Subscription } from "../broker.ts";

/** Hears each message; `null` when the broker ends the consumer. */
export type Receive = (message: ConsumeMessage | null) => void;

/** How to consume, and what to do with what comes. */
export interface AmqpSubscriptionOptions {
  readonly connection: AmqpConnection;
  /** Name of the queue; `""` until the broker has chosen one. */
  readonly queue: string;
  /** For the log: `consume from queue 'x'`. */
  readonly purpose: string;
  /** Consumes; what is needed for it is made before, on this same channel. */
  consume(live: LiveChannel, receive: Receive): Promise<{ queue: string; tag: string }>;
  /** Takes a message in. */
  deliver(live: LiveChannel, message: ConsumeMessage): void;
  /** Takes what still came after the consumer was cancelled. */
  tooLate(live: LiveChannel, message: ConsumeMessage): void;
  /** The last moment to answer: the channel is about to be closed. */
  closing?(): void;
  /** An error for the caller that ends everything, where trying again makes no sense. */
  fatal?(error: unknown): Error | undefined;
}

/** A consumer with a channel of its own. */
export class AmqpSubscription implements Subscription {
  readonly #options: AmqpSubscriptionOptions;
  readonly #channel: KeptChannel;
  #queue: string;
  #consumer: { readonly live: LiveChannel; readonly tag: string } | undefined;
  #cancelled = false;
  #lastActivity = 0;

  constructor(options: AmqpSubscriptionOptions) {
    this.#options = options;
    this.#queue = options.queue;
    this.#channel = new KeptChannel({ ...options, setUp: (live) => this.#consume(live) });
  }

  get queue(): string {
    return this.#queue;
  }

  get active(): boolean {
    return this.#consumer?.live.open ?? false;
  }

  get lastActivity(): number {
    return this.#lastActivity;
  }

  async ready(): Promise<number> {
    const live = this.#consumer?.live;
    if (!live?.open) {
      throw new BrokerUnavailable(
        `Cannot count messages of queue '${this.#queue}' because it is not consumed`,
      );
    }
    return (await live.answer(live.channel.checkQueue(this.#queue))).messageCount;
  }

  /** Resolves when the broker accepted the consumer for the first time. */
  start(): Promise<void> {
    return this.#channel.start();
  }

  /** Resolves when it is over for good. */
  get ended(): Promise<void> {
    return this.#channel.ended;
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    this.#channel.retire();
    const consumer = this.#consumer;
    this.#consumer = undefined;
    if (!consumer?.live.open) return;
    // A consumer whose channel is gone fetches no more either.
    await consumer.live.answer(consumer.live.channel.cancel(consumer.tag)).catch(() => {});
  }

  async close(): Promise<void> {
    await this.cancel();
    this.#options.closing?.();
    await this.#channel.close();
  }

  /** Ends without a word to the broker: the whole connection is being closed. */
  async end(): Promise<void> {
    this.#cancelled = true;
    this.#consumer = undefined;
    await this.#channel.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #consume(live: LiveChannel): Promise<void> {
    const { queue, tag } = await this.#options.consume(live, (message) => {
      if (!message) this.#interrupted(live);
      else if (this.#cancelled) this.#options.tooLate(live, message);
      else {
        this.#lastActivity = performance.now();
        this.#options.deliver(live, message);
      }
    });
    this.#queue = queue;
    this.#lastActivity = performance.now();
    if (this.#cancelled) await live.channel.cancel(tag);
    else this.#consumer = { live, tag };
  }

  /** The broker ended the consumer, not the channel: the queue was deleted, or a delivery took too long. The channel is kept for the answers to come. */
  async #interrupted(live: LiveChannel): Promise<void> {
    this.#consumer = undefined;
    await this.#channel.pause(0);
    if (this.#cancelled || !live.open) return;
    // Where it cannot be, the channel's successor tries again.
    await live.answer(this.#consume(live)).catch(() => live.close());
  }
}
