/** Overhearing an exchange through an exclusive queue. */
import type { AmqpConnection } from "./connection.ts";
import { fromAmqp } from "./message.ts";
import { codeOf } from "./reason.ts";
import { AmqpSubscription } from "./subscription.ts";
import type { ListenOptions } from "../broker.ts";
import type { Message } from "../message.ts";
import { nameTaken } from "../errors.ts";

/** Makes a listener; it listens once started. Its queue goes with the connection and is made anew on the next.
 *
 * The queue is exclusive, as RabbitMQ from 4.3 denies transient queues that are not. */
export function listener(
  connection: AmqpConnection,
  exchange: string,
  onMessage: (message: Message) => void,
  options: ListenOptions,
): AmqpSubscription {
  const { keys, queue: name = "" } = options;
  return new AmqpSubscription({
    connection,
    queue: name,
    purpose: `listen to exchange '${exchange}'`,
    async consume({ channel }, receive) {
      const { queue } = await channel.assertQueue(name, {
        durable: false,
        exclusive: true,
        autoDelete: true,
        arguments: { ...options.arguments },
      });
      for (const key of keys) await channel.bindQueue(queue, exchange, key);
      const { consumerTag } = await channel.consume(queue, receive, { noAck: true });
      return { queue, tag: consumerTag };
    },
    deliver: (_live, message) => onMessage(fromAmqp(message)),
    tooLate: () => {},
    fatal: (error) => codeOf(error) === 405 ? nameTaken(name, error) : undefined,
  });
}
