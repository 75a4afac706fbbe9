/** Publishes over one channel per destination.
 *
 * A quorum queue without a leader or a majority blocks the whole channel: at its first message there, or at the 32nd unconfirmed one.
 * After 400 more messages RabbitMQ stops reading the connection. Queues therefore never share a channel, and each channel has fewer
 * messages in flight than block a connection.
 * @module
 */
import type { ChannelModel } from "amqplib";
import { PublishChannel, type PublishChannelOptions } from "./publish_channel.ts";
import type { BrokerStatus, PublishOptions } from "../broker.ts";
import type { Destination, Message } from "../message.ts";
import { missingCorrelationId, notConnected, publishQueueFull } from "../errors.ts";
import { isDirectReply, Replies } from "./replies.ts";

/** Number of channels above which idle ones are closed. */
const CHANNELS_BEFORE_CLEANUP = 128;

/** Maximum number of channels. RabbitMQ allows 2,047 per connection by default. */
const MAX_CHANNELS = 1000;

/** Milliseconds for which a broker counts as responsive after a confirm. */
const RECENT_MS = 2000;

/** Options of {@linkcode AmqpPublisher}. */
export type AmqpPublisherOptions = Omit<PublishChannelOptions, "reply">;

/** Publishes over the current connection. */
export class AmqpPublisher {
  readonly #options: AmqpPublisherOptions;
  readonly #channels = new Map<string, { destination: Destination; channel: PublishChannel }>();
  readonly #replies = new Replies();
  #connection: ChannelModel | undefined;

  constructor(options: AmqpPublisherOptions) {
    this.#options = options;
  }

  /** Destinations that confirm nothing: a message to one of them fails at once. */
  get unconfirmed(): Destination[] {
    return [...this.#channels.values()]
      .filter(({ channel }) => channel.silent)
      .map(({ destination }) => destination);
  }

  /** Whether no destination confirms anything. */
  get silent(): boolean {
    const channels = [...this.#channels.values()].map(({ channel }) => channel);
    const recently = performance.now() - RECENT_MS;
    return channels.some(({ silent }) => silent) &&
      !channels.some(({ answeredAt }) => answeredAt > recently);
  }

  /** Reports a new connection. */
  open(connection: ChannelModel): Promise<void> {
    this.#connection = connection;
    return Promise.resolve();
  }

  /** Reports a lost connection: all pending messages fail at once. */
  lost(): void {
    this.#connection = undefined;
    for (const [key, { channel }] of this.#channels) {
      channel.lost();
      if (channel.isIdle) this.#channels.delete(key);
    }
  }

  /** Reports an alarm: the broker currently accepts no messages. */
  blocked(): void {
    for (const { channel } of this.#channels.values()) channel.blocked();
  }

  /** Resolves when no message is pending: after the timeout at the latest. */
  async idle(): Promise<void> {
    await Promise.all([...this.#channels.values()].map(({ channel }) => channel.idle()));
  }

  publish(message: Message, options: PublishOptions = {}): Promise<void> {
    const { signal, reply } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const status: BrokerStatus = this.#options.status();
    const connection = this.#connection;
    if (status.state !== "connected" || !connection) {
      return Promise.reject(notConnected(message, status));
    }
    if (reply && message.properties.correlationId === undefined) {
      return Promise.reject(missingCorrelationId());
    }
    // RabbitMQ up to 4.1 returns a mandatory direct reply although it was delivered.
    const mandatory = (options.mandatory ?? true) && !isDirectReply(message);
    const channel = this.#channelFor(message, mandatory);
    if (!channel) return Promise.reject(publishQueueFull(message));
    if (reply) this.#replies.expect(message.properties.correlationId!, reply);
    return channel.publish(connection, message, { mandatory, reply: reply !== undefined, signal });
  }

  /** Non-mandatory messages (replies, broadcasts) may have any number of routing keys, so they share one channel per exchange. */
  #channelFor(message: Message, mandatory: boolean): PublishChannel | undefined {
    const { exchange, routingKey } = message;
    const key = mandatory ? `${exchange}\n${routingKey}` : exchange;
    const found = this.#channels.get(key);
    if (found) return found.channel;
    if (this.#channels.size >= CHANNELS_BEFORE_CLEANUP) this.#closeIdle();
    if (this.#channels.size >= MAX_CHANNELS) return undefined;
    const channel = new PublishChannel({
      ...this.#options,
      reply: (message) => this.#replies.dispatch(message),
    });
    this.#channels.set(key, { destination: { exchange, routingKey }, channel });
    return channel;
  }

  #closeIdle(): void {
    for (const [key, { channel }] of this.#channels) {
      if (!channel.isIdle) continue;
      channel.close();
      this.#channels.delete(key);
    }
  }
}
