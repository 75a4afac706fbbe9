/** The client of the bare loop: publishes with confirms over amqplib, without an API.
 *
 *     deno run -A --lock=tests/deno.lock tests/bench/programs/bare_client.ts QUEUE
 *
 * Reads `AMQP_URL`. Commands: `fill` (tasks), `call` (inFlight, seconds). A call is the shortest possible
 * one: publish to the quorum queue, and the reply after the commit.
 * @module
 */
import { v7 } from "uuid";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";
import { serveCommands } from "./command_server.ts";
import { keepInFlight, sendBatches } from "./load_loops.ts";

const BATCH = 1_000;
const BATCHES_IN_FLIGHT = 4;
const REPLIES = "amq.rabbitmq.reply-to";

const [queue = ""] = Deno.args;
const amqp = await rawChannel(Deno.env.get("AMQP_URL") ?? "");
const waiting = new Map<string, () => void>();

await amqp.channel.consume(REPLIES, (reply) => {
  const id = String(reply?.properties.correlationId);
  waiting.get(id)?.();
  waiting.delete(id);
}, { noAck: true });

function publishMany(size: number): Promise<void> {
  const tasks = Array.from({ length: size }, () => rawTask("add", v7(), { args: [1, 2] }));
  return publishRaw(amqp, "", queue, tasks);
}

async function call(): Promise<void> {
  const id = v7();
  const replied = new Promise<void>((resolve) => waiting.set(id, resolve));
  const { body, options } = rawTask("add", id, { args: [1, 2] });
  const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  amqp.channel.publish("", queue, content, { ...options, replyTo: REPLIES });
  await replied;
}

serveCommands({
  fill: ({ tasks = 0 }) => sendBatches(tasks, BATCH, BATCHES_IN_FLIGHT, publishMany),
  call: ({ inFlight = 1, seconds = 1 }) => keepInFlight(inFlight, seconds, call),
});
