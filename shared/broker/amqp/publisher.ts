/** Publishing over one channel for each destination.
 *
 * RabbitMQ stops a whole channel at a quorum queue that has no leader or no majority: at the first message that the channel sends
 * there, or at the 32nd that is not confirmed. After 400 messages more it stops reading the connection. So no two queues share a
 * channel, and each channel has fewer messages in flight than stop a connection.
 * @module
 */
import type { ChannelModel } from "amqplib";
import { PublishChannel, type PublishChannelOptions } from "./publish_channel.ts";
import type { BrokerStatus, PublishOptions } from "../broker.ts";
import type { Destination, Message } from "../message.ts";
import { crowded, unavailable, uncorrelated } from "../errors.ts";
import { isDirectReply, Replies } from "./replies.ts";

/** Channels above this number are closed while they are idle. */
const CHANNELS = 128;

/** What RabbitMQ allows on a connection is 2,047 by default. */
const MOST_CHANNELS = 1000;

/** Milliseconds: a broker that has confirmed something in this time is not silent. */
const RECENT_MS = 2000;

/** Bounds of each channel, and where the connection stands. */
export type AmqpPublisherOptions = Omit<PublishChannelOptions, "reply">;

/** Publishes over whatever connection it is given. */
export class AmqpPublisher {
  readonly #options: AmqpPublisherOptions;
  readonly #channels = new Map<string, { destination: Destination; channel: PublishChannel }>();
  readonly #replies = new Replies();
  #connection: ChannelModel | undefined;

  constructor(options: AmqpPublisherOptions) {
    this.#options = options;
  }

  /** Destinations that confirm nothing: a message to one of them would be rejected at once. */
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

  /** Takes a connection: a first one, or the next. */
  open(connection: ChannelModel): Promise<void> {
    this.#connection = connection;
    return Promise.resolve();
  }

  /** The connection is gone: whatever is in flight or waits fails at once. */
  lost(): void {
    this.#connection = undefined;
    for (const [key, { channel }] of this.#channels) {
      channel.lost();
      if (channel.isIdle) this.#channels.delete(key);
    }
  }

  /** The broker takes no messages for the time being. */
  blocked(): void {
    for (const { channel } of this.#channels.values()) channel.blocked();
  }

  /** Resolves when nothing is in flight, after the bound at the latest. */
  async idle(): Promise<void> {
    await Promise.all([...this.#channels.values()].map(({ channel }) => channel.idle()));
  }

  publish(message: Message, options: PublishOptions = {}): Promise<void> {
    const { signal, reply } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const status: BrokerStatus = this.#options.status();
    const connection = this.#connection;
    if (status.state !== "connected" || !connection) {
      return Promise.reject(unavailable(message, status));
    }
    if (reply && message.properties.correlationId === undefined) {
      return Promise.reject(uncorrelated());
    }
    // Up to RabbitMQ 4.1 a mandatory direct reply is returned although it was delivered.
    const mandatory = (options.mandatory ?? true) && !isDirectReply(message);
    const channel = this.#channelFor(message, mandatory);
    if (!channel) return Promise.reject(crowded(message));
    if (reply) this.#replies.expect(message.properties.correlationId!, reply);
    return channel.publish(connection, message, { mandatory, reply: reply !== undefined, signal });
  }

  /** Replies and broadcasts, which need no queue and have any number of keys, share one for each exchange. */
  #channelFor(message: Message, mandatory: boolean): PublishChannel | undefined {
    const { exchange, routingKey } = message;
    const key = mandatory ? `${exchange}\n${routingKey}` : exchange;
    const found = this.#channels.get(key);
    if (found) return found.channel;
    if (this.#channels.size >= CHANNELS) this.#closeIdle();
    if (this.#channels.size >= MOST_CHANNELS) return undefined;
    const channel = new PublishChannel({
      ...this.#options,
      reply: (message) => this.#replies.hear(message),
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
