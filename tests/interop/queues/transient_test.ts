/** Queues that are neither durable nor exclusive: RabbitMQ from 4.3 refuses them, so Celery 5.6.3 with default settings fails (T10). */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { celeryStack, PYTHON_ENVIRONMENT } from "../../support/celery_stacks.ts";
import { eventually } from "../../support/eventually.ts";
import { freshMigrated } from "../../support/migrated.ts";
import { startWorker, testApp } from "../../support/roles.ts";
import { freshVhost, management } from "../../support/servers.ts";
import { deniesTransientQueues } from "../../support/stacks_here.ts";

const NODE = "celeriac@transient";

interface Queue {
  readonly name: string;
  readonly durable: boolean;
  readonly exclusive: boolean;
}

Deno.test("our workers, and Celery (c56, c57) if configured, declare no shared transient queue", async (t) => {
  await using parts = new AsyncDisposableStack();
  const vhost = parts.use(await freshVhost({ defaultQueueType: "classic" }));
  const fresh = parts.use(await freshMigrated());
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  const app = new URL("transient_app.py", import.meta.url);
  const shared = async () => {
    const path = `/api/queues/${vhost.name}`;
    const queues = await management(vhost.managementUrl, "GET", path) as Queue[];
    return queues.filter(({ durable, exclusive }) => !durable && !exclusive);
  };
  const env = { ...testApp, AMQP_URL: vhost.url, DATABASE_URL: fresh.url, CELERIAC_NODE: NODE };
  parts.use(await startWorker({ env: { ...env, CELERIAC_PROCESSES: "1" } }));

  for (const [name, exclusive] of [["c56", "1"], ["c57", "0"]] as const) {
    await t.step(`${name} runs next to ours, and each finds the other`, async () => {
      const celery = await celeryStack(name);
      const told = { EXCLUSIVE: exclusive };
      const flags = ["-n", `celery@${name}`, "-P", "solo"];
      await using worker = await celery.worker(app, { url: vhost.url, flags, env: told });
      assertMatch(worker.output, /sync with 1 nodes/);
      const nodes = `${NODE},celery@${name}`;
      const args = ["-A", "transient_app", "inspect", "-d", nodes, "-t", "30", "ping"];
      await using asked = celery.start(args, { cwd, env: { BROKER: vhost.url, ...told } });
      assertEquals((await asked.exit()).code, 0, asked.output);
      for (const node of nodes.split(",")) assertMatch(asked.output, new RegExp(`${node}: .*OK`));
      assertEquals(await shared(), []);
    });
  }

  await t.step(
    "c56 with default settings declares shared queues, which RabbitMQ from 4.3 refuses",
    async () => {
      const celery = await celeryStack("c56");
      const args = [
        "-A",
        "transient_app",
        "worker",
        "-l",
        "INFO",
        "-n",
        "celery@plain",
        "-P",
        "solo",
      ];
      const env = { ...PYTHON_ENVIRONMENT, BROKER: vhost.url };
      await using worker = celery.start(args, { cwd, env });
      if (await deniesTransientQueues()) {
        await worker.said(/Feature `transient_nonexcl_queues` is deprecated/);
        assert(!/ready\./.test(worker.output), worker.output);
      } else {
        await worker.said(/ready\./);
        await eventually("its shared queue", async () => {
          return (await shared()).some(({ name }) => name === "celery@plain.celery.pidbox");
        });
      }
    },
  );
});
