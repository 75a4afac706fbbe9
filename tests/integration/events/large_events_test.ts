/** Beat with large events from RabbitMQ: they neither fill its memory nor stop the others. */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { rawChannel } from "../../support/raw_amqp.ts";
import { startBeat } from "../../support/roles.ts";

/** Events, and bytes of the data of each: together far more than beat may have in flight. */
const COUNT = 12;
const BYTES = 8_000_000;

/** MiB of memory that beat may need beyond that without events: its 32 MiB in flight, and what one event needs. */
const GROWTH_MIB = 400;

/** Maximum MiB that a process has used, as the kernel counts it. */
async function peakMib(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

Deno.test("beat dispatches events of 8 MB with bounded memory, and dead-letters larger ones", async () => {
  await using pipeline = await freshPipeline();
  const { beat } = await startBeat(pipeline);
  await using _beat = beat;
  await eventually("the inbox", async () => {
    await using amqp = await rawChannel(pipeline.vhost.url);
    // The broker closes the channel if there is none.
    amqp.channel.on("error", () => {});
    return await amqp.channel.checkQueue("inbox.celeriac").then(() => true, () => false);
  });
  await using amqp = await rawChannel(pipeline.vhost.url);
  const send = (id: string, data: string) => {
    const event = { specversion: "1.0", id, source: "/test", type: "large.happened", data };
    const body = Buffer.from(JSON.stringify(event));
    const options = { contentType: "application/cloudevents+json", persistent: true };
    amqp.channel.publish("event.celeriac", "large.happened", body, options);
    return amqp.channel.waitForConfirms();
  };
  const ids = async (table: string) =>
    (await pipeline.rows<{ id: string }>(`select id from celeriac.${table}`)).map(({ id }) => id);
  await send("first", "x");
  await eventually("the first event", async () => (await ids("event")).includes("first"));
  const before = await peakMib(beat.pid);
  const data = "é".repeat(BYTES / 2);
  for (let number = 0; number < COUNT; number++) await send(String(number), data);
  await send("larger", data + data);
  await send("last", "x");
  await eventually("all events", async () => (await ids("event")).length === COUNT + 2);
  const growth = await peakMib(beat.pid) - before;
  assert(growth < GROWTH_MIB, `${growth} MiB`);
  const letters = await pipeline.rows("select reason from celeriac.dead_letter");
  assertEquals(letters, [{ reason: "too-large" }]);
});
