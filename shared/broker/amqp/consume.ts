/** Consuming from a queue and answering deliveries. */
import { setImmediate } from "node:timers";
import type { ConsumeMessage } from "amqplib";
import { Acks } from "./acks.ts";
import type { LiveChannel } from "./channel.ts";
import type { AmqpConnection } from "./connection.ts";
import { fromAmqp } from "./message.ts";
import { AmqpSubscription } from "./subscription.ts";
import type { ConsumeOptions, Delivery } from "../broker.ts";
import type { Message } from "../message.ts";

/** Makes a consumer of a queue; it consumes once started. */
export function consumer(
  connection: AmqpConnection,
  queue: string,
  onDelivery: (delivery: Delivery) => void,
  { prefetch }: ConsumeOptions,
): AmqpSubscription {
  let answers: Answers | undefined;
  return new AmqpSubscription({
    connection,
    queue,
    purpose: `consume from queue '${queue}'`,
    async consume(live, receive) {
      // A channel may consume again after its consumer was ended: its tags go on.
      if (answers?.live !== live) answers = new Answers(live);
      await live.channel.prefetch(prefetch);
      const { consumerTag } = await live.channel.consume(queue, receive);
      return { queue, tag: consumerTag };
    },
    deliver: (_live, message) => onDelivery(new AmqpDelivery(answers!, message)),
    tooLate: (_live, message) => new AmqpDelivery(answers!, message).nack({ requeue: true }),
    closing: () => answers?.flush(),
  });
}

/** Answers the deliveries of one channel. On a channel that is gone nothing happens: the broker hands the messages out again. */
class Answers {
  readonly live: LiveChannel;
  readonly #acks: Acks;

  constructor(live: LiveChannel) {
    this.live = live;
    this.#acks = new Acks((tag, multiple) => live.channel.ack(ofTag(tag), multiple));
  }

  delivered(tag: number): void {
    this.#acks.delivered(tag);
  }

  ack(tag: number): void {
    if (!this.#acks.waiting) setImmediate(() => this.flush());
    this.#acks.ack(tag);
  }

  nack(tag: number, requeue: boolean): void {
    this.#guard(() => this.live.channel.nack(ofTag(tag), false, requeue));
    this.#acks.answered(tag);
  }

  flush(): void {
    this.#guard(() => this.#acks.flush());
  }

  #guard(send: () => void): void {
    if (!this.live.open) return;
    try {
      send();
    } catch {
      // amqplib throws when the connection is just being closed.
    }
  }
}

/** All that amqplib reads of a message that is answered. */
function ofTag(deliveryTag: number): ConsumeMessage {
  return { fields: { deliveryTag } } as ConsumeMessage;
}

class AmqpDelivery implements Delivery {
  readonly message: Message;
  readonly redelivered: boolean;
  readonly #answers: Answers;
  readonly #tag: number;
  #answered = false;

  constructor(answers: Answers, raw: ConsumeMessage) {
    this.#answers = answers;
    this.#tag = raw.fields.deliveryTag;
    answers.delivered(this.#tag);
    this.redelivered = raw.fields.redelivered;
    this.message = fromAmqp(raw);
  }

  get open(): boolean {
    return this.#answers.live.open;
  }

  get gone(): AbortSignal {
    return this.#answers.live.gone;
  }

  ack(): void {
    if (this.#once()) this.#answers.ack(this.#tag);
  }

  nack({ requeue }: { requeue: boolean }): void {
    if (this.#once()) this.#answers.nack(this.#tag, requeue);
  }

  /** A second answer would make the broker close the channel. */
  #once(): boolean {
    if (this.#answered || !this.open) return false;
    return this.#answered = true;
  }
}
