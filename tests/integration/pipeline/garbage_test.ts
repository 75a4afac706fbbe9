/** Invalid messages become dead letters with a reason; the worker stays up and its memory bounded. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startWorker } from "../../support/roles.ts";
import {
  publishRaw,
  type RawChannel,
  rawChannel,
  type RawTask,
  rawTask,
} from "../../support/raw_amqp.ts";
import { residentMebibytes } from "../../support/resident.ts";

const QUEUE = "celeriac.default";
const DEAD = "celeriac.dead";
const COUNT = 20_000;
/** Messages after which the worker counts as warm: V8's heap has found its size (60,000 end where 10,000 do, near 230 MiB). */
const WARM = 10_000;
/** MiB that a worker may have more after the other 10,000: what V8 leaves uncollected for a while. */
const FLAT_MIB = 64;
const LARGE = 16 * 1024 * 1024;

/** A value of each type that a header may have (AMQP 0-9-1, 4.2.1 with RabbitMQ's errata). */
const VALUES: readonly unknown[] = [
  { "!": "int8", value: -128 },
  { "!": "int16", value: 32_767 },
  { "!": "int32", value: -2_147_483_648 },
  { "!": "int64", value: 9_007_199_254_740_991 },
  { "!": "float", value: 0.5 },
  { "!": "double", value: -1e300 },
  { "!": "decimal", value: { digits: 314, places: 2 } },
  { "!": "timestamp", value: 1_700_000_000 },
  true,
  false,
  null,
  "",
  "\u0000\uffff\u{1f33f}",
  new Uint8Array([0, 255, 128]),
  [],
  [1, [2, ["x", null]], { deep: { deeper: [true] } }],
  {},
  { a: { b: { c: { d: "e" } } } },
];

const NAMES = [
  "id",
  "task",
  "lang",
  "retries",
  "eta",
  "expires",
  "timelimit",
  "root_id",
  "x",
  "compression",
];
const TYPES = [
  "application/json",
  "application/x-python-serialize",
  "text/plain",
  "application/data",
  undefined,
];
const BODIES = [
  "",
  "[]",
  "null",
  "{}",
  '[[], {}, {"chain": 7}]',
  "[[1], [2], [3]]",
  '"x"',
  "[[[[",
  "\\u0000",
];

/** None of its names belongs to a task, so nothing can run. */
const rubbish = fc.record({
  headers: fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...VALUES)), {
    maxLength: 4,
  }),
  contentType: fc.constantFrom(...TYPES),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 1023 }),
    fc.constantFrom(...BODIES).map((text) => new TextEncoder().encode(text)),
  ),
});

/** Deterministic. */
const GARBAGE: readonly RawTask[] = fc.sample(rubbish, { seed: 1, numRuns: COUNT })
  .map(({ headers, contentType, body }, number) => ({
    body,
    options: {
      persistent: true,
      headers: { ...Object.fromEntries(headers), number },
      ...(contentType && { contentType }),
    },
  }));

async function deadLetters({ channel }: RawChannel): Promise<number> {
  return (await channel.checkQueue(DEAD)).messageCount;
}

Deno.test("a worker dead-letters 10,000 garbage messages twice with their reasons, and its memory stays bounded", async () => {
  await using pipeline = await freshPipeline();
  await using worker = await startWorker(pipeline);
  await using amqp = await rawChannel(pipeline.vhost.url);
  const send = (from: number, to: number) => publishRaw(amqp, "", QUEUE, GARBAGE.slice(from, to));
  const until = (count: number) =>
    eventually(`${count} dead letters`, async () => await deadLetters(amqp) === count, {
      within: 180,
    });

  await send(0, WARM);
  await until(WARM);
  const warm = await residentMebibytes(worker.pid);
  await send(WARM, COUNT);
  await until(COUNT);
  const grown = await residentMebibytes(worker.pid) - warm;
  assert(grown < FLAT_MIB, `grew by ${grown} MiB from ${warm} MiB`);

  const seen = new Set<unknown>();
  const unreasoned: unknown[] = [];
  await amqp.channel.consume(DEAD, (letter) => {
    const { number, "celeriac-reason": reason, "celeriac-detail": detail } =
      letter?.properties.headers ?? {};
    seen.add(number);
    if (!reason || !detail) unreasoned.push(number);
  }, { noAck: true });
  await eventually("all of them to be read", () => seen.size === COUNT, { within: 120 });
  assertEquals(unreasoned, []);

  await publishRaw(amqp, "", QUEUE, [rawTask("test.echo", "after", { kwargs: { value: 1 } })]);
  assertEquals((await pipeline.final("after")).state, "SUCCESS");
});

Deno.test("a worker dead-letters bodies of 16 MiB that are not tasks, and runs the next task", async () => {
  await using pipeline = await freshPipeline();
  await using _worker = await startWorker(pipeline);
  await using amqp = await rawChannel(pipeline.vhost.url);
  const options = { persistent: true, contentType: "application/json" };
  const headers = { task: "test.sleep", id: "large" };
  const frame = JSON.stringify([[""], {}, {}]);
  const json = frame.replace('""', `"${"x".repeat(LARGE - frame.length)}"`);
  await publishRaw(amqp, "", QUEUE, [
    { body: new Uint8Array(LARGE), options },
    {
      body: new Uint8Array(LARGE).fill(0x5b),
      options: { ...options, headers: { ...headers, id: "deep" } },
    },
    { body: new TextEncoder().encode(json), options: { ...options, headers } },
    rawTask("test.echo", "after", { kwargs: { value: 1 } }),
  ]);
  assertEquals((await pipeline.final("after")).state, "SUCCESS");
  assertEquals((await pipeline.final("large")).state, "FAILURE");
  await eventually("all dead letters", async () => await deadLetters(amqp) === 3, {
    within: 120,
  });
});
