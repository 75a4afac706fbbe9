/** A worker that the broker gives nothing says so on `/livez`: only a restart may help.
 *
 * A queue with a single active consumer provokes it: RabbitMQ accepts every other consumer, and hands it nothing. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";
import { startWorker } from "../../support/roles.ts";

const QUEUE = "celery";

Deno.test("/livez of a worker fails while messages wait that no accepted consumer brings, and not while none wait", async () => {
  await using pipeline = await freshPipeline();
  await using amqp = await rawChannel(pipeline.vhost.url);
  await amqp.channel.assertQueue(QUEUE, {
    durable: true,
    arguments: { "x-single-active-consumer": true },
  });
  await amqp.channel.prefetch(1);
  const held = Promise.withResolvers<void>();
  await amqp.channel.consume(QUEUE, () => held.resolve());

  const env = { ...pipeline.env, CELERIAC_QUEUES: QUEUE, CELERIAC_RENEW: "1" };
  await using worker = await startWorker({ env });
  const [, health = ""] = await worker.said(/health at (http:\S+)\/readyz/);
  const livez = async () => {
    const answer = await fetch(`${health}/livez`);
    const { checks } = await answer.json();
    return { status: answer.status, ...checks.hearing };
  };
  for (const until = Date.now() + 5000; Date.now() < until;) {
    assertEquals(await livez(), { status: 200, ok: true, state: "hearing" });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }

  await publishRaw(amqp, "", QUEUE, [
    rawTask("test.echo", "held", { args: [1] }),
    rawTask("test.echo", "waits", { args: [2] }),
  ]);
  await held.promise;
  const deaf = await eventually("the worker to notice", async () => {
    const verdict = await livez();
    return verdict.state === "deaf" && verdict;
  });
  assertEquals(deaf.status, 503);
  assertStringIncludes(deaf.reason, "Messages wait in celery");

  await amqp.channel.close();
  assertEquals((await pipeline.final("waits")).state, "SUCCESS");
  assertEquals((await pipeline.final("held")).state, "SUCCESS");
  await eventually("the worker to hear again", async () => (await livez()).status === 200);
});
