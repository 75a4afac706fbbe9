/** A plain AMQP client for tests that must not lean on our own: it speaks Celery's protocol 2 by hand.
 * @module
 */
import amqp from "amqplib";

/** A connection with one channel whose publishes are confirmed; disposing closes it. */
export interface RawChannel extends AsyncDisposable {
  readonly channel: amqp.ConfirmChannel;
}

/** Connects.
 *
 * @param url AMQP URL with its vhost */
export async function rawChannel(url: string): Promise<RawChannel> {
  const connection = await amqp.connect(url, { noDelay: true, timeout: 5_000 });
  const channel = await connection.createConfirmChannel();
  return { channel, [Symbol.asyncDispose]: () => connection.close() };
}

/** A task message as Celery puts it on the wire. */
export interface RawTask {
  readonly body: Uint8Array;
  readonly options: amqp.Options.Publish;
}

/** Writes a task message of protocol 2 with the headers that every receiver needs.
 *
 * @param headers added to `task` and `id`, or put in their place */
export function rawTask(
  task: string,
  id: string,
  call: { args?: unknown[]; kwargs?: Record<string, unknown> },
  headers: Readonly<Record<string, unknown>> = {},
): RawTask {
  const { args = [], kwargs = {} } = call;
  const embed = { callbacks: null, errbacks: null, chain: null, chord: null };
  return {
    body: new TextEncoder().encode(JSON.stringify([args, kwargs, embed])),
    options: {
      contentType: "application/json",
      contentEncoding: "utf-8",
      persistent: true,
      correlationId: id,
      headers: { task, id, ...headers },
    },
  };
}

/** Publishes and waits until the broker has confirmed all that this channel published.
 *
 * @param exchange `""` and a queue's name as the routing key reach that queue */
export async function publishRaw(
  { channel }: RawChannel,
  exchange: string,
  routingKey: string,
  tasks: Iterable<RawTask>,
): Promise<void> {
  for (const { body, options } of tasks) {
    channel.publish(exchange, routingKey, toBuffer(body), options);
  }
  await channel.waitForConfirms();
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
