/** A consumer that survives reconnects, cancels by the broker and queue deletions. */
import type { ConsumeMessage } from "amqplib";
import { BrokerUnavailable } from "../../errors.ts";
import { type LiveChannel, RecoveringChannel } from "./channel.ts";
import type { AmqpConnection } from "./connection.ts";
import type { Subscription } from "../broker.ts";

/** Receives each message; `null` when the broker cancels the consumer. */
export type Receive = (message: ConsumeMessage | null) => void;

/** Options of {@linkcode AmqpSubscription}. */
export interface AmqpSubscriptionOptions {
  readonly connection: AmqpConnection;
  /** Queue name; `""` if the broker generates it. */
  readonly queue: string;
  /** Infinitive phrase for logs and errors: `consume from queue 'x'`. */
  readonly purpose: string;
  /** Starts consuming on this channel, and first declares what that needs. */
  consume(live: LiveChannel, receive: Receive): Promise<{ queue: string; tag: string }>;
  /** Handles a message. */
  deliver(live: LiveChannel, message: ConsumeMessage): void;
  /** Handles a message that arrives after {@linkcode AmqpSubscription.cancel}. */
  onCancelled(live: LiveChannel, message: ConsumeMessage): void;
  /** Called before the channel is closed: the last chance to send acks. */
  closing?(): void;
  /** Maps an error that no retry can fix to an error for the caller. */
  fatal?(error: unknown): Error | undefined;
}

/** A consumer with a dedicated channel. */
export class AmqpSubscription implements Subscription {
  readonly #options: AmqpSubscriptionOptions;
  readonly #channel: RecoveringChannel;
  #queue: string;
  #consumer: { readonly live: LiveChannel; readonly tag: string } | undefined;
  #cancelled = false;
  #lastActivity = 0;

  constructor(options: AmqpSubscriptionOptions) {
    this.#options = options;
    this.#queue = options.queue;
    this.#channel = new RecoveringChannel({ ...options, setUp: (live) => this.#consume(live) });
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
    return (await live.waitForReply(live.channel.checkQueue(this.#queue))).messageCount;
  }

  /** Resolves when the broker has accepted the consumer for the first time. */
  start(): Promise<void> {
    return this.#channel.start();
  }

  /** Resolves when the subscription has ended. */
  get ended(): Promise<void> {
    return this.#channel.ended;
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    this.#channel.retire();
    const consumer = this.#consumer;
    this.#consumer = undefined;
    if (!consumer?.live.open) return;
    // Closing the channel has ended the consumer, too.
    await consumer.live.waitForReply(consumer.live.channel.cancel(consumer.tag)).catch(() => {});
  }

  async close(): Promise<void> {
    await this.cancel();
    this.#options.closing?.();
    await this.#channel.close();
  }

  /** Ends without closing the channel, because the whole connection is being closed. */
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
      if (!message) this.#resume(live);
      else if (this.#cancelled) this.#options.onCancelled(live, message);
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

  /** Consumes again after the broker cancelled the consumer: the queue was deleted, or a delivery timed out. The channel stays open for
   * pending acks. */
  async #resume(live: LiveChannel): Promise<void> {
    this.#consumer = undefined;
    await this.#channel.pause(0);
    if (this.#cancelled || !live.open) return;
    // On failure, the next channel retries.
    await live.waitForReply(this.#consume(live)).catch(() => live.close());
  }
}
