import { assert, assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startWorker } from "../../support/roles.ts";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";

const queue = "celeriac.default";

Deno.test("SIGTERM lets running tasks finish, requeues the rest and exits with 0", async () => {
  await using pipeline = await freshPipeline();
  await using amqp = await rawChannel(pipeline.vhost.url);
  const env = { ...pipeline.env, CELERIAC_CONCURRENCY: "2" };
  await using worker = await startWorker({ env });
  const tasks = Array.from(
    { length: 5 },
    (_, index) => rawTask("test.sleep", `task-${index}`, { args: [1] }),
  );
  await publishRaw(amqp, "", queue, tasks);
  await eventually("two that run", async () => await pipeline.count("STARTED") === 2);

  worker.kill("SIGTERM");
  assertEquals((await worker.exit()).code, 0, worker.output);

  // Two, or two more where the first had ended before the signal came.
  const finished = await pipeline.count("SUCCESS");
  assert(finished === 2 || finished === 4, `${finished} finished`);
  assertEquals((await amqp.channel.checkQueue(queue)).messageCount, 5 - finished);
});

Deno.test("a second SIGTERM does not wait for running tasks and loses none", async () => {
  await using pipeline = await freshPipeline();
  await using amqp = await rawChannel(pipeline.vhost.url);
  await using worker = await startWorker({ env: { ...pipeline.env, CELERIAC_GRACE: "600" } });
  await publishRaw(amqp, "", queue, [rawTask("test.sleep", "long", { args: [300] })]);
  await eventually("it runs", async () => await pipeline.count("STARTED") === 1);

  worker.kill("SIGTERM");
  const [health = ""] = await worker.said(/http:\S+\/readyz/);
  await eventually("it drains", async () => {
    const answer = await fetch(health);
    return (await answer.text()).includes("draining");
  });
  // those that come with the first, within half a second, count as the first
  await eventually("it stops", () => {
    worker.kill("SIGTERM");
    return !worker.running;
  });

  await eventually(
    "it is back",
    async () => (await amqp.channel.checkQueue(queue)).messageCount === 1,
  );
  assertEquals(await pipeline.count("SUCCESS") + await pipeline.count("FAILURE"), 0);
});

Deno.test("two signals at once, as a Ctrl-C under deno task sends them, count as one", async () => {
  await using pipeline = await freshPipeline();
  await using amqp = await rawChannel(pipeline.vhost.url);
  await using worker = await startWorker(pipeline);
  await publishRaw(amqp, "", queue, [rawTask("test.sleep", "short", { args: [1] })]);
  await eventually("it runs", async () => await pipeline.count("STARTED") === 1);

  worker.kill("SIGINT");
  worker.kill("SIGTERM"); // not SIGINT again: the system makes one of two alike
  assertEquals((await worker.exit()).code, 0, worker.output);
  assertEquals((await pipeline.final("short")).state, "SUCCESS");
});
