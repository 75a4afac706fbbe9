/** Real Celery inspects and controls our workers, with the permissions of the definitions. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { type CeleryStack, celeryStack, PYTHON_ENVIRONMENT } from "../../support/celery_stacks.ts";
import { eventually } from "../../support/eventually.ts";
import { freshMigrated } from "../../support/migrated.ts";
import { Process } from "../../support/process.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { applyDefinitions } from "../../../cli/rabbitmq/apply.ts";
import { renderDefinitions } from "../../../cli/rabbitmq/render.ts";
import { unprovisioned } from "../../support/provisioned.ts";
import { startRole, startWorker, testApp } from "../../support/roles.ts";
import { management } from "../../support/servers.ts";
import { stacksHere } from "../../support/stacks_here.ts";
import { CeleryShell } from "./shell.ts";

const NODE = "celeriac@interop";
const WITHIN = { within: 60 };
const app = new URL("app.py", import.meta.url);
const selectTask = `SELECT state, result, exception FROM celeriac.task WHERE id = $1`;
const selectWaiting = `SELECT 1 FROM celeriac.outbox WHERE task_id = $1`;

interface Row {
  state: string;
  exception: { exc_type: string; exc_message: unknown[] } | null;
}

async function dump(stack: CeleryStack, url: string): Promise<Process> {
  const args = ["-u", "-m", "celery", "-A", "app", "events", "--dump"];
  const cwd = fileURLToPath(new URL(".", app));
  const env = { ...PYTHON_ENVIRONMENT, BROKER: url };
  const process = Process.start(stack.python, args, { cwd, env, ownGroup: true });
  return await process.said(/starting/i).then(() => process);
}

for (const name of await stacksHere()) {
  Deno.test(`Celery (${name}) inspects and controls our workers`, async (t) => {
    await using stack = new AsyncDisposableStack();
    const celery = await celeryStack(name);
    const fixture = stack.use(unprovisioned(["celeriac.default", "celeriac.more"]));
    // Celery before 5.5 consumes classic queues only.
    const options = { ...fixture.options, defaultQueueType: "classic" } as const;
    await applyDefinitions(fixture.management, await renderDefinitions(options));
    const fresh = stack.use(await freshMigrated());
    const database = stack.use(new PostgresDatabase({ url: fresh.url, max: 1 }));
    await database.start();
    const shell = stack.use(await CeleryShell.start(celery, fixture.url("python")));
    const dumped = stack.use(await dump(celery, fixture.url("flower")));
    const env = {
      ...testApp,
      AMQP_URL: fixture.url("worker"),
      DATABASE_URL: fresh.url,
      CELERIAC_NODE: NODE,
      CELERIAC_QUEUES: "celeriac.default",
      CELERIAC_PROCESSES: "1",
      CELERIAC_CONCURRENCY: "4",
    };
    const worker = stack.use(await startWorker({ env }));

    const inspect = (method: string, ...args: string[]) => shell.inspect(NODE, method, ...args);
    const control = async (...args: string[]) => {
      const { code, output } = await shell.cli("control", "-d", NODE, "-t", "30", ...args);
      assertEquals(code, 0, `control ${args.join(" ")}: ${output}`);
      return output;
    };
    const row = async (id: string) => (await database.query<Row>(selectTask, [id]))[0];
    const final = (id: string) =>
      eventually(`final state of ${id}`, async () => {
        const found = await row(id);
        return found && ["SUCCESS", "FAILURE", "REVOKED"].includes(found.state) && found;
      }, WITHIN);
    const runs = (id: string, method = "active") =>
      eventually(`${id} to be ${method}`, async () => {
        const tasks = await inspect(method) as { id: string }[];
        return tasks.some((task) => task.id === id);
      }, WITHIN);

    await t.step("our control queue is deleted with our connection (T10)", async () => {
      const vhost = encodeURIComponent(fixture.vhost);
      const queues = await management(fixture.managementUrl, "GET", `/api/queues/${vhost}`) as {
        name: string;
        exclusive: boolean;
        durable: boolean;
      }[];
      const ours = queues.find((queue) => queue.name === `${NODE}.celery.pidbox`);
      assertEquals([ours?.exclusive, ours?.durable], [true, false]);
    });

    await t.step("inspect: every command exits with 0", async () => {
      assertEquals(await inspect("ping"), { ok: "pong" });
      for (const method of ["active", "reserved", "scheduled", "revoked"]) {
        assertEquals(await inspect(method), [], method);
      }
      const registered = await inspect("registered") as string[];
      assert(registered.includes("test.sleep"), registered.join());
      const [queue] = await inspect("active_queues") as { name: string }[];
      assertEquals(queue?.name, "celeriac.default");
      const stats = await inspect("stats") as { pid: number; broker: { virtual_host: string } };
      assertEquals([stats.pid, stats.broker.virtual_host], [worker.pid, fixture.vhost]);
      const conf = await inspect("conf") as Record<string, unknown>;
      assertEquals([conf["worker_concurrency"], conf["node"]], [4, NODE]);
      const secrets = [fixture.url("worker"), fresh.url].map((url) => new URL(url).password);
      const told = JSON.stringify([stats, conf]);
      for (const secret of secrets.filter(Boolean)) assert(!told.includes(secret));
      assertMatch(JSON.stringify(await inspect("report")), /celeriac:/);
      assertEquals(await inspect("query_task", "no-such-id"), {});
      const status = await eventually("celery status", async () => {
        const { code, output } = await shell.cli("status", "-t", "1");
        return code === 0 && output;
      }, WITHIN);
      assertMatch(status, /celeriac@interop: .*OK/);
    });

    await t.step("revoke --terminate ends a running task", async () => {
      const inline = await shell.send("test.sleep", { seconds: 600 });
      const child = await shell.send("test.block");
      await runs(inline);
      await runs(child);
      const behind = await shell.send("test.sleep_process", { seconds: 0 });
      await runs(behind, "reserved");
      const [found] = Object.values(
        await inspect("query_task", child) as Record<string, [string, Record<string, unknown>]>,
      );
      assertEquals([found?.[0], found?.[1]["name"]], ["active", "test.block"]);
      await control("revoke", behind);
      assertMatch(await control("terminate", "SIGTERM", inline, child), /terminate: /);
      for (const [id, why] of [[inline, "terminated"], [child, "terminated"]] as const) {
        const { state, exception } = await final(id);
        assertEquals([state, exception?.exc_message], ["REVOKED", [why]]);
      }
      assertEquals((await final(behind)).exception?.exc_message, ["revoked"]);
      assertEquals(await inspect("active"), []);
      assertEquals(await inspect("revoked"), [behind, inline, child]);
      const after = await shell.send("test.sleep_process", { seconds: 0 });
      assertEquals((await final(after)).state, "SUCCESS");
    });

    await t.step("a task revoked before its delivery does not run", async () => {
      await control("revoke", "not-yet");
      await shell.send("test.echo", { value: 1 }, { task_id: "not-yet" });
      assertEquals((await final("not-yet")).state, "REVOKED");
    });

    await t.step("revoke_by_stamped_headers accepts pairs", async () => {
      if (name === "c52") return; // knows no stamps
      assertMatch(
        await control("revoke_by_stamped_headers", "tenant=a"),
        /headers \{'tenant': 'a'\} flagged as revoked, but not terminated/,
      );
    });

    await t.step("registered shows the requested attributes", async () => {
      const shown = await inspect("registered", "ignore_result", "queue") as string[];
      const echo = "test.echo [ignore_result=False queue=celeriac.default]";
      assert(shown.includes(echo), shown.join());
    });

    await t.step("rate_limit spaces the runs and appears in registered", async () => {
      await control("rate_limit", "test.echo", "120/m");
      const registered = await inspect("registered") as string[];
      assert(registered.includes("test.echo [rate_limit=120/m]"), registered.join());
      const ids: string[] = [];
      for (let value = 0; value < 5; value++) ids.push(await shell.send("test.echo", { value }));
      for (const id of ids) await final(id);
      const rows = await database.query<{ started_at: Date }>(
        "SELECT started_at FROM celeriac.task WHERE id = ANY($1) ORDER BY started_at",
        [ids],
      );
      const span = Number(rows.at(-1)?.started_at) - Number(rows[0]?.started_at);
      assert(span > 4 * 500 * 0.8, `5 starts within ${span} ms`);
      await control("rate_limit", "test.echo", "1/h");
      await shell.send("test.echo", { value: 5 });
      const held = await shell.send("test.echo", { value: 6 });
      await eventually("one is held", async () => {
        const scheduled = await inspect("scheduled") as { request: { id: string } }[];
        return scheduled.some(({ request }) => request.id === held);
      }, WITHIN);
      await control("rate_limit", "test.echo", "0");
      assertEquals((await final(held)).state, "SUCCESS");
    });

    await t.step("a task with a later eta waits in the outbox, not in a worker", async () => {
      const id = await shell.send("test.echo", { value: 7 }, { countdown: 600 });
      await eventually("it is in the outbox", async () => {
        return (await database.query(selectWaiting, [id])).length === 1;
      }, WITHIN);
      assertEquals(await inspect("scheduled"), []);
    });

    await t.step("time_limit ends a blocking task", async () => {
      await control("time_limit", "test.block", "0.5", "1");
      const { exception } = await final(await shell.send("test.block"));
      assertEquals([exception?.exc_type, exception?.exc_message], ["TimeLimitExceeded", [1]]);
    });

    await t.step("add_consumer, cancel_consumer, pool_grow, pool_shrink, autoscale", async () => {
      const names = async () =>
        (await inspect("active_queues") as { name: string }[]).map((queue) => queue.name);
      const id = await shell.send("test.echo", { value: 1 }, { queue: "celeriac.more" });
      await control("add_consumer", "celeriac.more");
      assertEquals(await names(), ["celeriac.default", "celeriac.more"]);
      assertEquals((await final(id)).state, "SUCCESS");
      await control("cancel_consumer", "celeriac.more");
      assertEquals(await names(), ["celeriac.default"]);
      const concurrency = async () => {
        const { pool, prefetch_count } = await inspect("stats") as {
          pool: { "max-concurrency": number };
          prefetch_count: number;
        };
        return [pool["max-concurrency"], prefetch_count];
      };
      const children = async (count: number) => {
        return await eventually(`${count} child processes`, async () => {
          const { pool } = await inspect("stats") as { pool: { processes: number[] } };
          return pool.processes.length === 1 + count;
        }, WITHIN);
      };
      await children(1);
      await control("pool_grow", "2");
      const [grown, more] = await concurrency();
      await children(3);
      await control("pool_shrink", "3");
      const [shrunk, fewer] = await concurrency();
      await children(1);
      assertEquals([grown, shrunk], [6, 3]);
      assert(more! > fewer!, `a prefetch of ${more}, then of ${fewer}`);
      // An error, like a Celery worker without autoscaler and without `worker_pool_restarts`.
      assertMatch(await control("autoscale", "5", "2"), /ERROR[^]*Cannot autoscale/);
      assertMatch(await control("pool_restart"), /ERROR[^]*Cannot restart the pool/);
      assertEquals((await final(await shell.send("test.echo", { value: 2 }))).state, "SUCCESS");
    });

    await t.step("events: state and dump read them, and they can be disabled", async () => {
      await control("disable_events");
      assertMatch(await control("enable_events"), /task events enabled/);
      const id = await eventually("a task seen from end to end", async () => {
        const sent = await shell.send("test.echo", { value: 1 });
        await final(sent);
        await dumped.said(/worker-heartbeat|celeriac@interop/);
        const { tasks } = await shell.watch();
        return tasks[sent]?.state === "SUCCESS" && sent;
      }, WITHIN);
      const { workers, tasks } = await shell.watch();
      assertEquals(workers[NODE], true);
      assertEquals(tasks[id], { name: "test.echo", state: "SUCCESS", worker: NODE });
      await dumped.said(new RegExp(`task succeeded: test.echo\\(${id}\\)`));
      assert(dumped.running);
      assert(!/Traceback/.test(dumped.output), dumped.output);
    });

    await t.step("a starting Python worker finds ours (mingle)", async () => {
      const flags = ["-n", "celery@beside", "-Q", "celery", "-P", "solo"];
      await using beside = await celery.worker(app, { url: fixture.url("python"), flags });
      assertMatch(beside.output, /sync with \d+ nodes/);
      assertMatch(beside.output, /sync complete/);
      assert(!/Traceback|ERROR\//.test(beside.output), beside.output);
      const revoked = await shell.inspect("celery@beside", "revoked") as string[];
      assert(revoked.includes("not-yet"), revoked.join());
      if (name === "c57") {
        const clash = await startRole("worker", {
          env: { ...env, CELERIAC_NODE: "celery@beside" },
        });
        await using _ended = clash;
        assertEquals((await clash.exit()).success, false);
        assertMatch(clash.output, /celery@beside\.celery\.pidbox.*choose another/s);
        assert(beside.running);
      }
    });

    await t.step("a later worker of ours receives the revoked ids (mingle)", async () => {
      const later = { ...env, CELERIAC_NODE: "celeriac@later" };
      await using _later = await startWorker({ env: later });
      const known = await shell.inspect("celeriac@later", "revoked") as string[];
      assert(known.includes("not-yet"), known.join());
    });

    await t.step("a Python worker with our node name exits, and ours continues (T16)", async () => {
      const flags = ["-n", NODE, "-Q", "celery", "-P", "solo"];
      const cwd = fileURLToPath(new URL(".", app));
      const args = ["-A", "app", "worker", "-l", "INFO", ...flags];
      await using twin = celery.start(args, { cwd, env: { BROKER: fixture.url("python") } });
      await twin.exit();
      assertMatch(twin.output, /RESOURCE_LOCKED|ResourceLocked/);
      assertEquals(await inspect("ping"), { ok: "pong" });
    });

    await t.step("our command line sends the same commands", async () => {
      const cli = async (...args: string[]) => {
        const cwd = fileURLToPath(new URL("../../../", import.meta.url));
        const own = { AMQP_URL: fixture.url("api"), NO_COLOR: "1" };
        await using process = Process.start(
          Deno.execPath(),
          ["run", "-A", "cli.ts", ...args, `--node=${NODE}`, "--timeout=30"],
          { cwd, env: own },
        );
        const { code } = await process.exit();
        return { code, stdout: process.stdout, output: process.output };
      };
      const asked = await cli("inspect", "ping");
      assertEquals(asked.code, 0, asked.output);
      assertEquals(JSON.parse(asked.stdout), { [NODE]: { ok: "pong" } });
      const refused = await cli("control", "rate_limit", "test.ecko", "1/s");
      assertEquals(refused.code, 1, refused.output);
      assertMatch(refused.stdout, /did you mean 'test.echo'/);
    });

    await t.step("shutdown drains and stops the worker", async () => {
      const running = await shell.send("test.sleep", { seconds: 1 });
      await runs(running);
      const { code } = await shell.cli("control", "-d", NODE, "-t", "1", "shutdown");
      assertEquals(code, 69); // nobody answers to it
      assertEquals((await worker.exit()).code, 0);
      assertEquals((await final(running)).state, "SUCCESS");
      await eventually("it is known to be gone", async () => {
        return (await shell.watch()).workers[NODE] === false;
      }, WITHIN);
      assert(dumped.running);
    });
  });
}
