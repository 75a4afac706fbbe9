/** Consumes a queue; acks and nacks its deliveries. */
import { setImmediate } from "node:timers";
import type { ConsumeMessage } from "amqplib";
import { Acks } from "./acks.ts";
import type { LiveChannel } from "./channel.ts";
import type { AmqpConnection } from "./connection.ts";
import { fromAmqp } from "./message.ts";
import { AmqpSubscription } from "./subscription.ts";
import type { ConsumeOptions, Delivery } from "../broker.ts";
import type { Message } from "../message.ts";

/** Creates a consumer of a queue without starting it. */
export function consumer(
  connection: AmqpConnection,
  queue: string,
  onDelivery: (delivery: Delivery) => void,
  { prefetch }: ConsumeOptions,
): AmqpSubscription {
  let acks: ChannelAcks | undefined;
  return new AmqpSubscription({
    connection,
    queue,
    purpose: `consume from queue '${queue}'`,
    async consume(live, receive) {
      // A channel may consume again after the broker cancelled its consumer; its delivery tags continue.
      if (acks?.live !== live) acks = new ChannelAcks(live);
      await live.channel.prefetch(prefetch);
      const { consumerTag } = await live.channel.consume(queue, receive);
      return { queue, tag: consumerTag };
    },
    deliver: (_live, message) => onDelivery(new AmqpDelivery(acks!, message)),
    onCancelled: (_live, message) => new AmqpDelivery(acks!, message).nack({ requeue: true }),
    closing: () => acks?.flush(),
  });
}

/** Acks and nacks the deliveries of one channel. Does nothing on a closed channel: the broker redelivers the messages. */
class ChannelAcks {
  readonly live: LiveChannel;
  readonly #acks: Acks;

  constructor(live: LiveChannel) {
    this.live = live;
    this.#acks = new Acks((tag, multiple) => live.channel.ack(withTag(tag), multiple));
  }

  delivered(tag: number): void {
    this.#acks.delivered(tag);
  }

  ack(tag: number): void {
    if (!this.#acks.hasPending) setImmediate(() => this.flush());
    this.#acks.ack(tag);
  }

  nack(tag: number, requeue: boolean): void {
    this.#guard(() => this.live.channel.nack(withTag(tag), false, requeue));
    this.#acks.nacked(tag);
  }

  flush(): void {
    this.#guard(() => this.#acks.flush());
  }

  #guard(send: () => void): void {
    if (!this.live.open) return;
    try {
      send();
    } catch {
      // amqplib throws while the connection closes.
    }
  }
}

/** The only part of a message that amqplib's `ack` and `nack` read. */
function withTag(deliveryTag: number): ConsumeMessage {
  return { fields: { deliveryTag } } as ConsumeMessage;
}

class AmqpDelivery implements Delivery {
  readonly message: Message;
  readonly redelivered: boolean;
  readonly #channelAcks: ChannelAcks;
  readonly #tag: number;
  #isSettled = false;

  constructor(acks: ChannelAcks, raw: ConsumeMessage) {
    this.#channelAcks = acks;
    this.#tag = raw.fields.deliveryTag;
    acks.delivered(this.#tag);
    this.redelivered = raw.fields.redelivered;
    this.message = fromAmqp(raw);
  }

  get open(): boolean {
    return this.#channelAcks.live.open;
  }

  get gone(): AbortSignal {
    return this.#channelAcks.live.gone;
  }

  ack(): void {
    if (this.#settle()) this.#channelAcks.ack(this.#tag);
  }

  nack({ requeue }: { requeue: boolean }): void {
    if (this.#settle()) this.#channelAcks.nack(this.#tag, requeue);
  }

  /** The broker closes the channel on a second ack or nack. */
  #settle(): boolean {
    if (this.#isSettled || !this.open) return false;
    return this.#isSettled = true;
  }
}
