import { assert, assertEquals } from "@std/assert";
import { createFixture } from "./fixture.ts";

const MiB = 1024 * 1024;

Deno.test("the API publishes tasks to RabbitMQ and reads results from Postgres", async (t) => {
  await using fixture = await createFixture({ foreignQueues: "gone" });

  await t.step("202 means that a quorum queue holds a persistent message", async () => {
    const answer = await fixture.post("/v1/tasks/add", { args: [1], kwargs: { y: 2 } });
    const { id, state } = await answer.json();
    assertEquals([answer.status, state], [202, "PENDING"]);
    assertEquals(await fixture.waiting(), 1);
    const task = await fixture.take();
    assertEquals([task.id, task.task, task.args, task.kwargs], [id, "add", [1], { y: 2 }]);
    const record = await fixture.record(id);
    assertEquals([record.state, record.name, record.kwargsRepr], ["PENDING", "add", "{'y': 2}"]);
  });

  await t.step("a task with an eta stays in the outbox until it is due", async () => {
    const due = Date.now() + 1500;
    const answer = await fixture.post("/v1/tasks/ping", { options: { countdown: 1.5 } });
    const { id } = await answer.json();
    assertEquals(answer.status, 202);
    const task = await fixture.take();
    assertEquals(task.id, id);
    assert(Date.now() >= due);
  });

  await t.step("a long id, headers and options arrive", async () => {
    const options = { task_id: "größe/7 ✓", headers: { tenant: "acme", depth: 300 }, priority: 3 };
    await (await fixture.post("/v1/tasks/ping", { options })).body?.cancel();
    const task = await fixture.take();
    assertEquals([task.id, task.headers, task.priority], ["größe/7 ✓", {
      tenant: "acme",
      depth: 300,
    }, 3]);
    await fixture.record(task.id);
    const read = await fetch(`${fixture.url}/v1/tasks/${encodeURIComponent(task.id)}`);
    assertEquals([read.status, (await read.json()).id], [200, "größe/7 ✓"]);
  });

  await t.step("a missing queue gives a 503", async () => {
    const answer = await fixture.post("/v1/tasks/mail", { options: { queue: "gone" } });
    assertEquals([answer.status, (await answer.json()).type], [503, "/problems/unroutable"]);
  });

  await t.step("a body over the limit gives a 413, also without Content-Length", async () => {
    const big = JSON.stringify({ kwargs: { x: 1, y: 1, z: "a".repeat(2 * MiB) } });
    const told = await fixture.post("/v1/tasks/add", big);
    assertEquals([told.status, (await told.json()).type], [413, "/problems/body-too-large"]);
    const stream = ReadableStream.from(new Array(40).fill(new Uint8Array(64 * 1024).fill(32)));
    const untold = await fetch(`${fixture.url}/v1/tasks/add`, {
      method: "POST",
      body: stream,
      headers: { "content-type": "application/json" },
    });
    assertEquals([untold.status, (await untold.json()).type], [413, "/problems/body-too-large"]);
  });

  await t.step(
    "Idempotency-Key holds in the database, for two requests at once as well",
    async () => {
      const send = async () =>
        (await (await fixture.post("/v1/tasks/add", { args: [1, 2] }, {
          "idempotency-key": "once",
        }))
          .json()).id;
      const [one, other] = await Promise.all([send(), send()]);
      assertEquals(one, other);
      assertEquals((await fixture.take()).id, one);
      assertEquals(await send(), one);
      const mismatch = await fixture.post("/v1/tasks/add", { args: [1, 3] }, {
        "idempotency-key": "once",
      });
      assertEquals([mismatch.status, (await mismatch.json()).type], [
        422,
        "/problems/idempotency-mismatch",
      ]);
    },
  );

  await t.step("health covers broker and database, and metrics count requests", async () => {
    const ready = await fetch(`${fixture.url}/readyz`);
    assertEquals([ready.status, await ready.json()], [200, {
      ok: true,
      checks: {
        broker: { ok: true, state: "connected" },
        database: { ok: true, state: "connected" },
      },
    }]);
    const metrics = await (await fetch(`${fixture.url}/metrics`)).text();
    assert(/celeriac_tasks_submitted_total\{task="ping",via="outbox"\} 1/.test(metrics));
    assert(/celeriac_broker_state\{state="connected"\} 1/.test(metrics));
    assert(/celeriac_outbox_entries 0/.test(metrics));
  });
});

Deno.test("the API accepts a batch of 2,000 lines and routes each", async () => {
  await using fixture = await createFixture();
  const lines = Array.from(
    { length: 2000 },
    (_, x) => JSON.stringify({ name: "add", args: [x, 1] }),
  );
  lines[1234] = "{broken";
  const answer = await fixture.post("/v1/tasks:batch", lines.join("\n"), {
    "content-type": "application/x-ndjson",
  });
  const answers = (await answer.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(answers.length, 2000);
  assertEquals(answers.filter(({ status }) => status === 202).length, 1999);
  assertEquals([answers[1234].line, answers[1234].status], [1235, 400]);
  const ids = new Set<string>();
  while (ids.size < 1999) ids.add((await fixture.take()).id);
  assertEquals(ids, new Set(answers.flatMap(({ id }) => id ?? [])));
});

Deno.test("the API stores tasks in the outbox during a broker outage and reports it", async () => {
  await using fixture = await createFixture();
  await (await fixture.post("/v1/tasks/ping", {})).body?.cancel();
  await fixture.take();
  await fixture.own.stop();
  const ready = await fetch(`${fixture.url}/readyz`);
  const { ok, checks } = await ready.json();
  assertEquals([ready.status, ok, checks.broker, checks.database.ok], [200, true, {
    ok: false,
    state: "stopped",
  }, true]);
  const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] });
  const { id } = await answer.json();
  assertEquals(answer.status, 202);
  await fixture.record(id);
  const [row] = await fixture.database.query<{ task_id: string }>(
    "select task_id from celeriac.outbox",
  );
  assertEquals(row?.task_id, id);
  const metrics = await (await fetch(`${fixture.url}/metrics`)).text();
  assert(/celeriac_outbox_entries 1/.test(metrics));
});
