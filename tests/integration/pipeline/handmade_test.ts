import { assertEquals } from "@std/assert";
import { freshPipeline } from "../../support/pipeline.ts";
import { startWorker } from "../../support/roles.ts";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";

Deno.test("a message published by hand in Celery's protocol 2 is executed", async () => {
  await using pipeline = await freshPipeline();
  await using _worker = await startWorker(pipeline);
  await using amqp = await rawChannel(pipeline.vhost.url);
  await publishRaw(amqp, "", "celeriac.default", [
    rawTask("test.echo", "by-position", { args: [[1, "zwei", null]] }),
    rawTask("test.echo", "by-name", { kwargs: { value: 0.5 } }),
  ]);
  const { state, result } = await pipeline.final("by-position");
  assertEquals({ state, result }, { state: "SUCCESS", result: [1, "zwei", null] });
  assertEquals((await pipeline.final("by-name")).result, 0.5);
});
