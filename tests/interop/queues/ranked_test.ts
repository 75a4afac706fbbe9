/** A priority queue that Celery declares, consumed by our worker and by Celery's: highest priority first. */
import { assert, assertEquals } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { encodeTask } from "../../../shared/celery/message.ts";
import { decodeMeta } from "../../../shared/celery/result.ts";
import { celeryStack } from "../../support/celery_stacks.ts";
import { eventually } from "../../support/eventually.ts";
import { freshMigrated } from "../../support/migrated.ts";
import { pipelineOn } from "../../support/pipeline.ts";
import { startRole, startWorker } from "../../support/roles.ts";
import { freshVhost, management } from "../../support/servers.ts";
import { stacksHere } from "../../support/stacks_here.ts";

const PRIORITIES = [1, 9, 5, 0, 7];
const ORDER = [9, 7, 5, 1, 0];
const selectIds = `SELECT id FROM celeriac.task WHERE state = 'SUCCESS' ORDER BY started_at`;

for (const name of await stacksHere()) {
  Deno.test(`both workers consume a priority queue of Celery (${name}), highest priority first`, async (t) => {
    await using parts = new AsyncDisposableStack();
    const celery = await celeryStack(name);
    const vhost = parts.use(await freshVhost({ defaultQueueType: "classic" }));
    const database = parts.use(await freshMigrated());
    const pipeline = parts.use(await pipelineOn(vhost, database));
    const app = new URL("ranked_app.py", import.meta.url);
    const env = {
      ...pipeline.env,
      CELERIAC_QUEUES: "ranked",
      CELERIAC_CONCURRENCY: "1",
      CELERIAC_PREFETCH_FACTOR: "1",
    };
    const ranked = async () => {
      const queues = await management(vhost.managementUrl, "GET", `/api/queues/${vhost.name}`);
      return (queues as { name: string; arguments: Record<string, unknown> }[]).find((one) =>
        one.name === "ranked"
      );
    };

    await t.step("our worker waits for a queue that it must not declare", async () => {
      await using early = await startRole("worker", { env });
      await early.said(/ranked/);
      assertEquals(await ranked(), undefined);
      await celery.run(app, ["declare"], { url: vhost.url });
      await early.said(/ready: consuming/);
      early.kill("SIGTERM");
      await early.exit();
      // 4.3 also lists the default type of a queue.
      assertEquals((await ranked())?.arguments["x-max-priority"], 10);
    });

    await t.step("Celery sends, our worker runs", async () => {
      const args = ["test.sleep", ...PRIORITIES.map(String)];
      const ids: string[] = JSON.parse(await celery.run(app, args, { url: vhost.url }));
      await using _worker = await startWorker({ env });
      const worked = await eventually("all to be worked", async () => {
        const rows = await pipeline.rows<{ id: string }>(selectIds);
        return rows.length === ids.length && rows.map(({ id }) => PRIORITIES[ids.indexOf(id)]);
      });
      assertEquals(worked, ORDER);
    });

    await t.step("we send, Celery's worker runs", async () => {
      await using broker = new AmqpBroker({ url: vhost.url, name: "ranked test" });
      await broker.start();
      await broker.connected();
      const worked: unknown[] = [];
      const over = new AbortController();
      for (const priority of PRIORITIES) {
        const message = encodeTask({
          task: "proj.rank",
          args: [priority],
          kwargs: {},
          options: { taskId: `rank-${priority}`, priority },
        }, {
          origin: "gen1@host",
          destination: { exchange: "", routingKey: "ranked" },
          now: new Date(),
        });
        const receive = (reply: { body: Uint8Array }) => {
          const { state, result } = decodeMeta(reply.body);
          if (state === "SUCCESS") worked.push(Number(result));
        };
        await broker.publish(message, { reply: { signal: over.signal, receive } });
      }
      const flags = ["-P", "solo", "--without-mingle", "--without-gossip"];
      const told = { RESULTS: "rpc://" };
      await using worker = await celery.worker(app, { url: vhost.url, flags, env: told });
      await eventually("all to be worked", () => worked.length === PRIORITIES.length);
      over.abort();
      assertEquals(worked, ORDER);
      assert(worker.running);
    });
  });
}
