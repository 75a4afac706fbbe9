/** The client of the bare loop: publishes with confirms over amqplib, without an API.
 *
 *     deno run -A --lock=tests/deno.lock tests/bench/programs/bare_client.ts QUEUE [PROMISE]...
 *
 * Reads `AMQP_URL` and `DATABASE_URL`. Commands: `fill` (tasks), `call` (inFlight, seconds). A call is the
 * shortest possible one: publish to the quorum queue, and the reply after the commit. The promises of
 * `promises.ts` add the headers of the API's messages, and PENDING records.
 * @module
 */
import { v7 } from "uuid";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";
import { headersOf } from "./bare_call.ts";
import { INTO_PENDING } from "./bare_sql.ts";
import { serveCommands } from "./command_server.ts";
import { keepInFlight, sendBatches } from "./load_loops.ts";
import type { BarePromise } from "./promises.ts";

const BATCH = 1_000;
const BATCHES_IN_FLIGHT = 4;
const REPLIES = "amq.rabbitmq.reply-to";

const [queue = "", ...promises] = Deno.args;
const keeps = (promise: BarePromise) => promises.includes(promise);
const pending = new PostgresDatabase({ url: Deno.env.get("DATABASE_URL") ?? "", max: 4 });
if (keeps("first state")) await pending.start();
const amqp = await rawChannel(Deno.env.get("AMQP_URL") ?? "");
const waiting = new Map<string, () => void>();

await amqp.channel.consume(REPLIES, (reply) => {
  const id = String(reply?.properties.correlationId);
  waiting.get(id)?.();
  waiting.delete(id);
}, { noAck: true });

async function publishMany(size: number): Promise<void> {
  const ids = Array.from({ length: size }, () => v7());
  if (keeps("first state")) await pending.query(INTO_PENDING, [ids]);
  const tasks = ids.map((id) =>
    rawTask("add", id, { args: [1, 2] }, keeps("message") ? headersOf(id) : {})
  );
  await publishRaw(amqp, "", queue, tasks);
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
