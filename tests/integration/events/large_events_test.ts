/** Beat with large events from RabbitMQ: they neither fill its memory nor stop the others. */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { type RawChannel, rawChannel } from "../../support/raw_amqp.ts";
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
  const send = (id: string, data: string, { channel }: RawChannel) => {
    const event = { specversion: "1.0", id, source: "/test", type: "large.happened", data };
    const body = Buffer.from(JSON.stringify(event));
    const options = { contentType: "application/cloudevents+json", persistent: true };
    channel.publish("event.celeriac", "large.happened", body, options);
    return channel.waitForConfirms();
  };
  const ids = async (table: string) =>
    (await pipeline.rows<{ id: string }>(`select id from celeriac.${table}`)).map(({ id }) => id);
  await eventually("the first event", async () => {
    // Until beat has declared the inbox and bound it, the broker drops events or closes the channel.
    await using early = await rawChannel(pipeline.vhost.url);
    early.channel.on("error", () => {});
    await send("first", "x", early).catch(() => {});
    return (await ids("event")).includes("first");
  });
  const before = await peakMib(beat.pid);
  const data = "é".repeat(BYTES / 2);
  await using amqp = await rawChannel(pipeline.vhost.url);
  for (let number = 0; number < COUNT; number++) await send(String(number), data, amqp);
  await send("larger", data + data, amqp);
  await send("last", "x", amqp);
  await eventually("all events", async () => (await ids("event")).length === COUNT + 2);
  const growth = await peakMib(beat.pid) - before;
  assert(growth < GROWTH_MIB, `${growth} MiB`);
  const letters = await pipeline.rows("select reason from celeriac.dead_letter");
  assertEquals(letters, [{ reason: "too-large" }]);
});
