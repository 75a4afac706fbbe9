/** Receives the messages of an exchange through an exclusive queue. */
import type { AmqpConnection } from "./connection.ts";
import { fromAmqp } from "./message.ts";
import { codeOf } from "./reason.ts";
import { AmqpSubscription } from "./subscription.ts";
import type { ListenOptions } from "../broker.ts";
import type { Message } from "../message.ts";
import { nameTaken } from "../errors.ts";

/** Creates a listener without starting it. Its queue is deleted with the connection and recreated on the next one.
 *
 * The queue is exclusive because RabbitMQ 4.3 and later reject other transient queues. */
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
    onCancelled: () => {},
    fatal: (error) => codeOf(error) === 405 ? nameTaken(name, error) : undefined,
  });
}
