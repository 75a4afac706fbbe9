import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { databaseUsers } from "../../support/database_users.ts";
import { eventually } from "../../support/eventually.ts";
import { submit } from "../../support/pipeline.ts";
import { freePorts } from "../../support/ports.ts";
import { type Provisioned, provisioned } from "../../support/provisioned.ts";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";
import {
  migrate,
  startApi,
  startBeat,
  startRole,
  startWorker,
  testApp,
} from "../../support/roles.ts";
import { applyDefinitions } from "../../../cli/rabbitmq/apply.ts";
import { renderDefinitions } from "../../../cli/rabbitmq/render.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { ScheduleStore } from "../../../shared/schedules/store.ts";
import { management } from "../../support/servers.ts";
import { newSchedule } from "../../support/schedules.ts";

Deno.test("API, beat and worker do all their work with least privilege on broker and database", async (t) => {
  await using broker = await provisioned(["celeriac.default"]);
  await using database = await databaseUsers();
  await migrate(database.url("migrate"));
  const envOf = (role: "api" | "beat" | "worker") => ({
    ...testApp,
    AMQP_URL: broker.url(role),
    DATABASE_URL: database.url(role),
  });
  const { api, url } = await startApi({ env: envOf("api") });
  await using _api = api;
  await using worker = await startWorker({ env: envOf("worker") });

  const { beat } = await startBeat({ env: envOf("beat") });
  await using _beat = beat;

  await t.step("a schedule ticks, and its task runs", async () => {
    await using sql = new PostgresDatabase({ url: database.url("api") });
    await sql.start();
    const store = new ScheduleStore({ database: sql });
    const signature = { task: "test.echo", args: [1], kwargs: {}, options: {} };
    await store.add(newSchedule({ name: "often", every: 1, signature }));
    const ticked = await eventually("a tick", async () => {
      const schedule = await store.find("often");
      return schedule?.lastId;
    });
    const record = await (await fetch(`${url}/v1/tasks/${ticked}?wait=30`)).json();
    assertEquals([record.state, record.result], ["SUCCESS", 1]);
    assertEquals(await store.remove("often"), true);
  });

  await t.step("the API writes the queues of its contracts for celeriac.submit()", async () => {
    await using sql = new PostgresDatabase({ url: database.url("api") });
    await sql.start();
    const select = "select queue from celeriac.route where task = 'test.echo'";
    const rows = await eventually("the route", async () => {
      const found = await sql.query(select);
      return found.length > 0 && found;
    });
    assertEquals(rows, [{ queue: "celeriac.default" }]);
  });

  await t.step("a task is submitted, runs and has a result", async () => {
    const { result } = await submit(url, "test.echo", { args: [1] }, { prefer: "wait=30" });
    assertEquals(result, 1);
  });

  await t.step("the API counts a queue and asks the workers", async () => {
    const { id } = await submit(url, "test.sleep", { args: [600] });
    const reason = await eventually("it runs", async () => {
      const answer = await (await fetch(`${url}/v1/tasks/${id}/why`)).json();
      assertEquals(answer.unread, []);
      return answer.reasons[0].code === "running" && answer.reasons[0];
    });
    assertEquals(reason.evidence.replied, true);
    const cancelled = await fetch(`${url}/v1/tasks/${id}?terminate=true`, { method: "DELETE" });
    assertEquals((await cancelled.json()).id, id);
  });

  await t.step("a failed attempt returns through the outbox", async () => {
    const { id } = await submit(url, "test.flaky", { kwargs: { failures: 1 } });
    const record = await eventually("a final state", async () => {
      const answer = await (await fetch(`${url}/v1/tasks/${id}?wait=30`)).json();
      return answer.state === "SUCCESS" && answer;
    });
    assertEquals(record.result, { attempt: 2 });
  });

  await t.step("a workflow is submitted and completes", async () => {
    const echo = (value: number) => ({ name: "test.echo", args: [value] });
    const body = JSON.stringify({
      chain: [echo(1), { group: [{ name: "test.echo" }, { name: "test.echo" }] }, {
        name: "test.echo",
      }],
    });
    const headers = { "content-type": "application/json" };
    const accepted = await fetch(`${url}/v1/workflows`, { method: "POST", headers, body });
    const { id } = await accepted.json();
    const record = await eventually("a final state", async () => {
      const answer = await (await fetch(`${url}/v1/workflows/${id}?wait=30`)).json();
      return answer.state === "SUCCESS" && answer;
    });
    assertEquals(record.result, [1, 1]);
  });

  await t.step("an event is accepted, dispatched and recorded", async () => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ type: "test.eu.happened", data: { value: 17 } });
    const accepted = await fetch(`${url}/v1/events`, { method: "POST", headers, body });
    const { key, via, tasks: [task] } = await accepted.json();
    assertEquals(via, "broker");
    const record = await eventually("a final state", async () => {
      const answer = await (await fetch(`${url}/v1/tasks/${task.id}?wait=30`)).json();
      return answer.state === "SUCCESS" && answer;
    });
    assertEquals(record.result, 17);
    await eventually("the event", async () => {
      const answer = await fetch(`${url}/v1/events/${key}`);
      await answer.body?.cancel();
      return answer.ok;
    });
  });

  await t.step("a subscription is added, replayed, paused, resumed and removed", async () => {
    const post = async (path: string, body: unknown = {}) => {
      const answer = await fetch(`${url}/v1/subscriptions${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const answered = await answer.json();
      assert(answer.ok, `${path}: ${answered.detail}`);
      return answered;
    };
    const args = { value: "/data/value" };
    await post("", { name: "late", patterns: ["test.#"], task: "test.echo", args });
    await post("/late/pause");
    await post("/late/resume");
    await post("/late/replay");
    await eventually("the end of the replay", async () => {
      const { replays } = await (await fetch(`${url}/v1/subscriptions/late`)).json();
      return replays[0].ended_at !== null && replays[0].sent === 1;
    });
    await post(":prune");
    const removed = await fetch(`${url}/v1/subscriptions/late`, { method: "DELETE" });
    assertEquals(removed.status, 204);
  });

  await t.step("an unknown task becomes a dead letter", async () => {
    await using amqp = await rawChannel(broker.url("api"));
    await publishRaw(amqp, "celeriac", "celeriac.default", [rawTask("no.such", "unknown", {})]);
    const record = await eventually("a final state", async () => {
      const answer = await fetch(`${url}/v1/tasks/unknown`);
      const body = await answer.json();
      return body.state === "FAILURE" && body;
    });
    assertEquals(record.error.type, "NotRegistered");
    const letter = await eventually("the dead letter", async () => {
      const answer = await fetch(`${url}/v1/dead-letters?task_id=unknown`);
      return (await answer.json()).dead_letters[0];
    });
    assertEquals(letter.reason, "unknown-task");
  });

  await t.step("its redrive becomes a dead letter again", async () => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ filter: { task_id: "unknown" } });
    const answer = await fetch(`${url}/v1/dead-letters:redrive`, { method: "POST", headers, body });
    assertEquals((await answer.json()).redriven, 1);
    await eventually("another dead letter", async () => {
      const answer = await fetch(`${url}/v1/dead-letters?task_id=unknown`);
      return (await answer.json()).dead_letters.length === 1;
    });
    const purge = await fetch(`${url}/v1/dead-letters:purge`, { method: "POST", headers, body });
    assertEquals((await purge.json()).purged, 1);
  });

  await t.step("a pending task is revoked", async () => {
    const { id } = await submit(url, "test.echo", { args: [1], options: { countdown: 60 } });
    const answer = await fetch(`${url}/v1/tasks/${id}`, { method: "DELETE" });
    await answer.body?.cancel();
    const record = await (await fetch(`${url}/v1/tasks/${id}`)).json();
    assertEquals(record.state, "REVOKED");
  });

  await t.step("no server denied anything", () => {
    const refusals = /.*(ACCESS_REFUSED|permission denied|NotCapable|Requires .* access).*/g;
    assertEquals(
      [...`${api.output}${beat.output}${worker.output}`.matchAll(refusals)].map(([line]) => line),
      [],
    );
  });
});

Deno.test("a worker waits for queues that it may not declare, and logs it", async () => {
  await using broker = await provisioned(["celeriac.default"]);
  await using database = await databaseUsers();
  await migrate(database.url("migrate"));
  await withoutQueue(broker);
  const [port] = freePorts(1);
  const env = {
    ...testApp,
    HEALTH_PORT: `${port}`,
    AMQP_URL: broker.url("worker"),
    DATABASE_URL: database.url("worker"),
  };
  await using worker = await startRole("worker", { env });
  const ready = `http://127.0.0.1:${port}/readyz`;
  const consumers = await eventually("a readiness that names the queue", async () => {
    const answer = await fetch(ready).catch(() => undefined);
    const { checks } = await answer?.json() ?? {};
    return checks?.consumers.state === "missing" && checks.consumers;
  });
  assertStringIncludes(consumers.reason, "celeriac.default");
  assertStringIncludes(consumers.reason, "deno task definitions apply");
  await applyDefinitions(broker.management, await renderDefinitions(broker.options));
  await worker.said(/ready: consuming/);
});

Deno.test("a worker that waits for queues stops on SIGTERM", async () => {
  await using broker = await provisioned(["celeriac.default"]);
  await using database = await databaseUsers();
  await migrate(database.url("migrate"));
  await withoutQueue(broker);
  const env = { ...testApp, AMQP_URL: broker.url("worker"), DATABASE_URL: database.url("worker") };
  await using worker = await startRole("worker", { env });
  await worker.said(/definitions apply.*: waiting/);
  worker.kill("SIGTERM");
  assertEquals((await worker.exit()).code, 0);
});

async function withoutQueue({ managementUrl, vhost }: Provisioned): Promise<void> {
  await management(managementUrl, "DELETE", `/api/queues/${vhost}/celeriac.default`);
}
