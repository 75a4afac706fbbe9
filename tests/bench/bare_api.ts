/** Baseline for the API: one confirmed publish for each request.
 *
 *     deno run -A tests/bench/bare_api.ts QUEUE
 *
 * Reads `AMQP_URL`; prints its URL; runs until killed.
 * @module
 */
import { Hono } from "hono";
import { rawChannel, rawTask } from "../support/raw_amqp.ts";

const [queue = ""] = Deno.args;
const { channel } = await rawChannel(Deno.env.get("AMQP_URL") ?? "");

const app = new Hono();
app.post("/v1/tasks/add", async (context) => {
  const { args, kwargs } = await context.req.json();
  const id = crypto.randomUUID();
  const { body, options } = rawTask("add", id, { args, kwargs });
  await new Promise<void>((resolve, reject) => {
    const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const publish = { ...options, mandatory: true };
    channel.publish("", queue, content, publish, (error) => error ? reject(error) : resolve());
  });
  return context.json({ id, state: "PENDING" }, 202);
});

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  app.fetch,
);
console.log(`ready at http://127.0.0.1:${server.addr.port}`);
