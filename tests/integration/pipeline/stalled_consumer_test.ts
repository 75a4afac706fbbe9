/** A worker whose consumer is stalled reports it on `/livez`: only a restart may help.
 *
 * A queue with a single active consumer provokes it: RabbitMQ accepts every other consumer, and delivers nothing to it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";
import { startWorker } from "../../support/roles.ts";

const QUEUE = "celery";

Deno.test("/livez of a worker fails while accepted consumers receive no pending message, and not on an empty queue", async () => {
  await using pipeline = await freshPipeline();
  await using amqp = await rawChannel(pipeline.vhost.url);
  await amqp.channel.assertQueue(QUEUE, {
    durable: true,
    arguments: { "x-single-active-consumer": true },
  });
  await amqp.channel.prefetch(1);
  const held = Promise.withResolvers<void>();
  await amqp.channel.consume(QUEUE, () => held.resolve());

  const env = { ...pipeline.env, CELERIAC_QUEUES: QUEUE, CELERIAC_CONSUMER_IDLE_TIMEOUT: "1" };
  await using worker = await startWorker({ env });
  const [, health = ""] = await worker.said(/health at (http:\S+)\/readyz/);
  const livez = async () => {
    const answer = await fetch(`${health}/livez`);
    const { checks } = await answer.json();
    return { status: answer.status, ...checks.deliveries };
  };
  for (const until = Date.now() + 5000; Date.now() < until;) {
    assertEquals(await livez(), { status: 200, ok: true, state: "receiving" });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }

  await publishRaw(amqp, "", QUEUE, [
    rawTask("test.echo", "held", { args: [1] }),
    rawTask("test.echo", "waits", { args: [2] }),
  ]);
  await held.promise;
  const stalled = await eventually("the worker to notice", async () => {
    const verdict = await livez();
    return verdict.state === "stalled" && verdict;
  });
  assertEquals(stalled.status, 503);
  assertStringIncludes(stalled.reason, "the pending messages of celery");

  await amqp.channel.close();
  assertEquals((await pipeline.final("waits")).state, "SUCCESS");
  assertEquals((await pipeline.final("held")).state, "SUCCESS");
  await eventually("the worker to receive again", async () => (await livez()).status === 200);
});
