/** The floor of the API: one confirmed publish for each request, or none.
 *
 *     deno run -A tests/bench/programs/bare_api.ts [QUEUE]
 *
 * Reads `AMQP_URL`; prints its URL; runs until killed. Without a queue it only reads the body and
 * answers: the cost of Hono and Deno.serve.
 * @module
 */
import { Hono } from "hono";
import { rawChannel, rawTask } from "../../support/raw_amqp.ts";

const [queue = ""] = Deno.args;
const channel = queue === ""
  ? undefined
  : (await rawChannel(Deno.env.get("AMQP_URL") ?? "")).channel;

async function publish(id: string, call: { args?: unknown[]; kwargs?: Record<string, unknown> }) {
  if (!channel) return;
  const { body, options } = rawTask("add", id, call);
  await new Promise<void>((resolve, reject) => {
    const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const publish = { ...options, mandatory: true };
    channel.publish("", queue, content, publish, (error) => error ? reject(error) : resolve());
  });
}

const app = new Hono();
app.post("/v1/tasks/add", async (context) => {
  const { args, kwargs } = await context.req.json();
  const id = crypto.randomUUID();
  await publish(id, { args, kwargs });
  return context.json({ id, state: "PENDING" }, 202);
});

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  app.fetch,
);
console.log(`ready at http://127.0.0.1:${server.addr.port}`);
