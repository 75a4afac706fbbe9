/** The floor of the API: one confirmed publish for each request, or none.
 *
 *     deno run -A --lock=tests/deno.lock tests/bench/programs/bare_api.ts [QUEUE [PROMISE]...]
 *
 * Reads `AMQP_URL` and `DATABASE_URL`; prints its URL; runs until killed. Without a queue it only reads the
 * body and answers: the cost of Hono and Deno.serve. A request with `Prefer` waits for the reply of the bare
 * worker. Each promise of `promises.ts` adds what the API does to keep it, in the least code.
 * @module
 */
import { Hono } from "hono";
import postgres from "postgres";
import { v7 } from "uuid";
import { rawChannel, rawTask } from "../../support/raw_amqp.ts";
import { add, stamp } from "../app/contracts.ts";
import { headersOf } from "./bare_call.ts";
import { INTO_PENDING } from "./bare_sql.ts";
import { gathering } from "./gathering.ts";
import type { BarePromise } from "./promises.ts";

/** Milliseconds until a task has a PENDING record, as in the API. */
const PENDING_MS = 500;
const REPLIES = "amq.rabbitmq.reply-to";

interface Call {
  readonly args?: unknown[];
  readonly kwargs?: Record<string, unknown>;
}

const [queue = "", ...promises] = Deno.args;
const keeps = (promise: BarePromise) => promises.includes(promise);
const channel = queue === ""
  ? undefined
  : (await rawChannel(Deno.env.get("AMQP_URL") ?? "")).channel;
const database = keeps("first state")
  ? postgres(Deno.env.get("DATABASE_URL") ?? "", { max: 1 })
  : undefined;
const waiting = new Map<string, (result: unknown) => void>();

const record = gathering(async (ids: string[]) => {
  await database?.unsafe(INTO_PENDING, [ids], { prepare: true });
}, { delayMs: PENDING_MS });

await channel?.consume(REPLIES, (reply) => {
  const id = String(reply?.properties.correlationId);
  waiting.get(id)?.(JSON.parse(String(reply?.content)));
  waiting.delete(id);
}, { noAck: true });

function check({ args = [], kwargs }: Call): void {
  const [x, y] = args;
  add.input.parse({ x, y, ...kwargs });
}

async function publish(name: string, id: string, call: Call, replyTo?: string): Promise<void> {
  if (!channel) return;
  const { body, options } = rawTask(name, id, call, keeps("message") ? headersOf(id) : {});
  await new Promise<void>((resolve, reject) => {
    const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const publish = { ...options, mandatory: true, ...replyTo === undefined ? {} : { replyTo } };
    channel.publish("", queue, content, publish, (error) => error ? reject(error) : resolve());
  });
}

const app = new Hono();
app.post("/v1/tasks/:task{add|stamp}", async (context) => {
  const name = context.req.param("task");
  const { args, kwargs } = await context.req.json<Call>();
  const call = { ...args && { args }, ...kwargs && { kwargs } };
  if (keeps("handler") && name !== stamp.name) check(call);
  const id = v7();
  if (context.req.header("prefer")) {
    const replied = new Promise<unknown>((resolve) => waiting.set(id, resolve));
    await publish(name, id, call, REPLIES);
    return context.json({ id, state: "SUCCESS", result: await replied });
  }
  await publish(name, id, call);
  if (database) record(id);
  return context.json({ id, state: "PENDING" }, 202);
});

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  app.fetch,
);
console.log(`ready at http://127.0.0.1:${server.addr.port}`);
