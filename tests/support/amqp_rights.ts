/** Checks the permissions of a broker user: tries AMQP operations one by one, each on its own channel. */
import { Buffer } from "node:buffer";
import { type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import type { Declaration } from "../../shared/broker/declaration.ts";

/** One operation that a user tries. */
export interface Attempt {
  readonly name: string;
  run(channel: ConfirmChannel): Promise<unknown>;
}

/** A connection that closes when disposed. */
export async function connected(
  url: string,
): Promise<{ connection: ChannelModel } & AsyncDisposable> {
  const connection = await connect(url, { timeout: 5000, noDelay: true });
  return { connection, [Symbol.asyncDispose]: () => connection.close() };
}

/** Returns the outcome of each attempt.
 *
 * @throws if an attempt fails for another reason than missing permission */
export async function outcomes(
  url: string,
  attempts: readonly Attempt[],
): Promise<Record<string, "allowed" | "refused">> {
  await using broker = await connected(url);
  const outcomes: Record<string, "allowed" | "refused"> = {};
  for (const { name, run } of attempts) {
    const channel = await broker.connection.createConfirmChannel();
    const closed = new Promise<{ code?: number }>((resolve) => channel.once("error", resolve));
    try {
      await run(channel);
      await channel.close();
      outcomes[name] = "allowed";
    } catch (error) {
      if ((await closed).code !== 403) throw new Error(`Cannot ${name}`, { cause: error });
      outcomes[name] = "refused";
    }
  }
  return outcomes;
}

/** `exchange` may be `""`. */
export function publish(exchange: string, key = ""): Attempt {
  return {
    name: `publish to '${exchange}' with '${key}'`,
    async run(channel) {
      channel.publish(exchange, key, Buffer.from("{}"));
      await channel.waitForConfirms();
    },
  };
}

export function take(queue: string): Attempt {
  return { name: `take from ${queue}`, run: (channel) => channel.get(queue, { noAck: true }) };
}

export function consume(queue: string): Attempt {
  return { name: `consume ${queue}`, run: (channel) => channel.consume(queue, () => {}) };
}

export function purge(queue: string): Attempt {
  return { name: `purge ${queue}`, run: (channel) => channel.purgeQueue(queue) };
}

export function measure(queue: string): Attempt {
  return { name: `measure ${queue}`, run: (channel) => channel.checkQueue(queue) };
}

/** Declares as Celery does: a queue, an exchange of the same name, a binding. */
export function declareWithExchange(queue: string): Attempt {
  return {
    name: `declare queue and exchange ${queue}`,
    async run(channel) {
      await channel.assertExchange(queue, "direct", { durable: true });
      await channel.assertQueue(queue, { durable: true });
      await channel.bindQueue(queue, queue, queue);
    },
  };
}

export function declareQueue(queue: string): Attempt {
  return {
    name: `declare queue ${queue}`,
    run: (channel) => channel.assertQueue(queue, { arguments: { "x-queue-type": "quorum" } }),
  };
}

export function deleteQueue(queue: string): Attempt {
  return { name: `delete queue ${queue}`, run: (channel) => channel.deleteQueue(queue) };
}

export function declareExchange(name: string, type: string, durable: boolean): Attempt {
  return {
    name: `declare exchange ${name}`,
    run: (channel) => channel.assertExchange(name, type, { durable }),
  };
}

export function bind(queue: string, exchange: string): Attempt {
  return {
    name: `bind ${queue} to ${exchange}`,
    run: (channel) => channel.bindQueue(queue, exchange, "#"),
  };
}

export function unbind(queue: string, exchange: string): Attempt {
  return {
    name: `unbind ${queue} from ${exchange}`,
    run: (channel) => channel.unbindQueue(queue, exchange, "#"),
  };
}

export function bindExchange(destination: string, source: string): Attempt {
  return {
    name: `bind exchange ${destination} to ${source}`,
    run: (channel) => channel.bindExchange(destination, source, "#"),
  };
}

export function deleteExchange(name: string): Attempt {
  return { name: `delete exchange ${name}`, run: (channel) => channel.deleteExchange(name) };
}

/** Subscribes to an exchange with an exclusive queue.
 *
 * @param queue its name; default chosen by the broker */
export function listen(exchange: string, key: string, queue = ""): Attempt {
  return {
    name: `listen on ${exchange} with '${key}' by '${queue}'`,
    async run(channel) {
      const own = await channel.assertQueue(queue, { exclusive: true, durable: false });
      await channel.bindQueue(own.queue, exchange, key);
      await channel.consume(own.queue, () => {}, { noAck: true });
    },
  };
}

/** Sends a request and receives its reply by direct reply-to. */
export function directReply(exchange: string, key: string): Attempt {
  return {
    name: `ask by '${exchange}' with a direct reply-to`,
    async run(channel) {
      await channel.consume("amq.rabbitmq.reply-to", () => {}, { noAck: true });
      channel.publish(exchange, key, Buffer.from("{}"), { replyTo: "amq.rabbitmq.reply-to" });
      await channel.waitForConfirms();
    },
  };
}

/** Checks every exchange and queue of a declaration passively. */
export function check(declaration: Declaration): Attempt[] {
  return [
    ...declaration.exchanges.map(({ name }) => ({
      name: `check exchange ${name}`,
      run: (channel: ConfirmChannel) => channel.checkExchange(name),
    })),
    ...declaration.queues.map(({ name }) => measure(name)),
  ];
}
