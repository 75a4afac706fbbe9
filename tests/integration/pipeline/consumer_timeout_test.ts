/** Tasks that exceed RabbitMQ's consumer timeout, on a private broker with a short one. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, submit } from "../../support/pipeline.ts";
import { PrivateRabbitmq } from "../../support/private_rabbitmq.ts";
import { findRabbitmq } from "../../support/rabbitmq.ts";
import { startApi, startWorker } from "../../support/roles.ts";

/** Milliseconds. RabbitMQ checks the deliveries of a channel at each tick. */
const SETTINGS = "[{rabbit, [{consumer_timeout, 4000}, {channel_tick_interval, 1000}]}].\n";

const LEASED = "SELECT due_at FROM celeriac.outbox WHERE task_id = $1 AND holder IS NOT NULL";

async function createFixture() {
  await using stack = new AsyncDisposableStack();
  const programs = await findRabbitmq();
  if (!programs) throw new Error("Cannot run because RabbitMQ is not installed: install it");
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const broker = await PrivateRabbitmq.create(programs, folder);
  await Deno.writeTextFile(`${folder}/advanced.config`, SETTINGS);
  stack.defer(() => broker.kill());
  const release = await broker.start(AbortSignal.timeout(120_000));
  const pipeline = stack.use(await freshPipeline());
  const env = { ...pipeline.env, AMQP_URL: broker.url };
  const { api, url } = await startApi({ env });
  stack.use(api);
  const files = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(files, { recursive: true }));
  const owned = stack.move();
  return {
    broker,
    /** Whether the broker gives a reason for the timeout: it closes the channel. From 4.3 on it cancels the consumer without one. */
    givesReason: Number.parseFloat(release) < 4.3,
    url,
    ...pipeline,
    worker: (leaseAfter: string) =>
      startWorker({
        env: { ...env, CELERIAC_LEASE_AFTER: leaseAfter },
        permissions: [`--allow-read=${files}`],
      }),
    /** Submits a task that runs until the test ends it. */
    async hold() {
      const file = `${files}/${crypto.randomUUID()}`;
      const { id } = await eventually(
        "an accepted task",
        () => submit(url, "test.hold", { kwargs: { file } }).catch(() => undefined),
      );
      return { id, end: () => Deno.writeTextFile(file, "") };
    },
    leased: (id: string) =>
      eventually(`a lease of ${id}`, async () => (await pipeline.rows(LEASED, [id])).length === 1),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Number of log lines in which a worker received a task. */
function received({ output }: { readonly output: string }, id: string): number {
  return output.split("\n").filter((line) => line.includes(id) && line.includes("received")).length;
}

Deno.test("tasks that exceed the consumer timeout", async (t) => {
  await using pipeline = await createFixture();
  await t.step(
    "a task runs once though it exceeds the consumer timeout, also across a restart of the broker",
    async () => {
      const { broker } = pipeline;
      await using worker = await pipeline.worker("1");
      const { id, end } = await pipeline.hold();
      await pipeline.leased(id);
      await broker.kill();
      await broker.start(AbortSignal.timeout(120_000));
      // It arrived while the first was leased, and exceeds the timeout too.
      const other = await pipeline.hold();
      await pipeline.leased(other.id);
      await new Promise((resolve) => setTimeout(resolve, 8_000));
      for (const task of [{ id, end }, other]) {
        await task.end();
        assertEquals((await pipeline.final(task.id)).state, "SUCCESS");
        assertEquals(received(worker, task.id), 1, worker.output);
      }
      assertFalse(worker.output.includes("timed out"), worker.output);
      await eventually("an empty outbox", async () => {
        return (await pipeline.rows("SELECT id FROM celeriac.outbox")).length === 0;
      });
    },
  );

  await t.step(
    "a worker whose delivery was taken back by the consumer timeout goes on with its one run, and heeds the timeout",
    async () => {
      await using worker = await pipeline.worker("3600");
      const { id, end } = await pipeline.hold();
      if (pipeline.givesReason) {
        await worker.said(/because of the broker's consumer timeout/, { timeoutMs: 60_000 });
        await pipeline.leased(id);
      } else {
        await new Promise((resolve) => setTimeout(resolve, 15_000));
      }
      await end();
      assertEquals((await pipeline.final(id)).state, "SUCCESS");
      assertEquals(received(worker, id), 1, worker.output);
    },
  );

  await t.step(
    "a leased task whose worker is killed runs again, and is poison when that goes on",
    async () => {
      const { id } = await pipeline.hold();
      const isFinal = "SELECT state FROM celeriac.task WHERE id = $1 AND finished_at IS NOT NULL";
      let deaths = 0;
      for (; deaths < 6; deaths++) {
        await using worker = await pipeline.worker("1");
        const over = await Promise.race([
          pipeline.leased(id).then(() => false),
          eventually("its end", async () => (await pipeline.rows(isFinal, [id])).length === 1),
        ]);
        if (over) break;
        worker.kill("SIGKILL");
        await worker.exit();
        const [row] = await pipeline.rows<{ seconds: number }>(
          `UPDATE celeriac.outbox SET due_at = now() WHERE task_id = $1
      RETURNING extract(epoch FROM due_at - now())::float8 AS seconds`,
          [id],
        );
        assert(row, "its row stays");
      }
      // One less where the broker had given it to the worker before, which was just killed.
      assert(deaths === 4 || deaths === 3, `${deaths} workers died`);
      assertEquals((await pipeline.final(id)).exception?.exc_type, "WorkerLostError");
      assertEquals((await pipeline.letters(id)).map(({ reason }) => reason), ["poison"]);
    },
  );
});
