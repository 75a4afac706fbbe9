/** Consuming from a queue and answering deliveries. */
import type { ConsumeMessage } from "amqplib";
import type { LiveChannel } from "./amqp_channel.ts";
import type { AmqpConnection } from "./amqp_connection.ts";
import { fromAmqp } from "./amqp_message.ts";
import { AmqpSubscription } from "./amqp_subscription.ts";
import type { ConsumeOptions, Delivery, Message } from "./broker.ts";

/** Makes a consumer of a queue; it consumes once started. */
export function consumer(
  connection: AmqpConnection,
  queue: string,
  onDelivery: (delivery: Delivery) => void,
  { prefetch }: ConsumeOptions,
): AmqpSubscription {
  return new AmqpSubscription({
    connection,
    queue,
    purpose: `consume from queue '${queue}'`,
    async consume({ channel }, receive) {
      await channel.prefetch(prefetch);
      const { consumerTag } = await channel.consume(queue, receive);
      return { queue, tag: consumerTag };
    },
    deliver: (live, message) => onDelivery(new AmqpDelivery(live, message)),
    tooLate: (live, message) => new AmqpDelivery(live, message).nack({ requeue: true }),
  });
}

class AmqpDelivery implements Delivery {
  readonly message: Message;
  readonly #live: LiveChannel;
  readonly #raw: ConsumeMessage;
  #answered = false;

  constructor(live: LiveChannel, raw: ConsumeMessage) {
    this.#live = live;
    this.#raw = raw;
    this.message = fromAmqp(raw);
  }

  get redelivered(): boolean {
    return this.#raw.fields.redelivered;
  }

  get open(): boolean {
    return this.#live.open;
  }

  ack(): void {
    this.#answer(() => this.#live.channel.ack(this.#raw));
  }

  nack({ requeue }: { requeue: boolean }): void {
    this.#answer(() => this.#live.channel.nack(this.#raw, false, requeue));
  }

  /** A second answer would make the broker close the channel. */
  #answer(send: () => void): void {
    if (this.#answered || !this.#live.open) return;
    this.#answered = true;
    try {
      send();
    } catch {
      // amqplib throws when the connection is just being closed: the broker hands the message out again.
    }
  }
}
