/** An AMQP client for tests that must not use the project's own: it encodes Celery's protocol 2 itself.
 * @module
 */
import amqp from "amqplib";

/** A connection with one confirm channel. Disposing closes it. */
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

/** A task message in Celery's wire format. */
export interface RawTask {
  readonly body: Uint8Array;
  readonly options: amqp.Options.Publish;
}

/** Encodes a task message of protocol 2 with the required headers.
 *
 * @param headers added to `task` and `id`, or replacing them */
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

/** Publishes and waits until the broker has confirmed every message of this channel.
 *
 * @param exchange `""` routes to the queue named by the routing key */
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
