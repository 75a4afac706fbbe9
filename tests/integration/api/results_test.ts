import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { CONTROL_EXCHANGE, decodeControl } from "../../../shared/celery/control.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { Inbox } from "../../support/inbox.ts";
import { createFixture, type Fixture } from "./fixture.ts";

async function submit(fixture: Fixture): Promise<string> {
  return (await (await fixture.post("/v1/tasks/add", { args: [1, 2] })).json()).id;
}

async function read(fixture: Fixture, path: string, init?: RequestInit) {
  const answer = await fetch(`${fixture.url}/v1/tasks${path}`, init);
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

Deno.test("the API waits for results, and lists and revokes tasks in Postgres", async (t) => {
  await using fixture = await createFixture();

  await t.step("Prefer: wait receives the result by direct reply-to", async () => {
    const answering = fixture.post("/v1/tasks/add", { args: [1, 2] }, { prefer: "wait=60" });
    const task = await fixture.take();
    assert(task.replyTo);
    await fixture.reply(task, "3");
    const answer = await answering;
    const { id, state, result } = await answer.json();
    assertEquals([answer.status, id, state, result], [200, task.id, "SUCCESS", 3]);
  });

  await t.step("Prefer: wait reads the result from the store without a reply", async () => {
    const answering = fixture.post("/v1/tasks/add", { args: [1, 2] }, { prefer: "wait=60" });
    const task = await fixture.take();
    await fixture.settle(task, { result: "3" });
    const answer = await answering;
    const { worker, result } = await answer.json();
    assertEquals([answer.status, worker, result], [200, "celeriac@by-hand", 3]);
  });

  await t.step("?wait= returns when an event arrives", async () => {
    const id = await submit(fixture);
    const task = await fixture.take();
    const answering = read(fixture, `/${id}?wait=60`);
    await fixture.settle(task, {
      state: "FAILURE",
      exception: { exc_type: "E", exc_message: ["boom"], exc_module: "m" },
    });
    await fixture.announce({
      type: "task-failed",
      id,
      name: "add",
      exception: "E('boom')",
      traceback: null,
      runtime: 0,
    });
    const { body, headers } = await answering;
    assertEquals([body.state, body.error.message, body.attempts], ["FAILURE", "boom", 1]);
    const again = await fetch(`${fixture.url}/v1/tasks/${id}`, {
      headers: { "if-none-match": headers.get("etag")! },
    });
    assertEquals([again.status, await again.text()], [304, ""]);
  });

  await t.step("a new id is PENDING immediately, and an unknown id is 404", async () => {
    const id = await submit(fixture);
    const { status, body } = await read(fixture, `/${id}`);
    assertEquals([status, body.state], [200, "PENDING"]);
    assertEquals((await read(fixture, "/order-17")).status, 404);
    assertEquals((await fixture.take()).id, id);
  });

  await t.step("SSE sends every change and ends", async () => {
    const id = await submit(fixture);
    const task = await fixture.take();
    const answer = await fetch(`${fixture.url}/v1/tasks/${id}/events`);
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (part: string) => {
      while (!text.includes(part)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`The stream ended before ${part}: ${text}`);
        text += value;
      }
    };
    await until('"state":"PENDING"');
    await fixture.settle(task, { state: "STARTED" });
    await fixture.announce({ type: "task-started", id, name: "add" });
    await until('"state":"STARTED"');
    await fixture.announce({ type: "task-progress", id, name: "add", progress: { done: 1 } });
    await until(`event: progress\ndata: {"id":"${id}","progress":{"done":1}}`);
    await fixture.settle(task, { result: "3" });
    await fixture.announce({ type: "task-succeeded", id, name: "add", result: "3", runtime: 0 });
    await until('"state":"SUCCESS"');
    while (!(await reader.read()).done);
  });

  await t.step(
    "DELETE revokes what waits, tells the workers, and comes too late for what runs",
    async () => {
      const heard = new Inbox<Message>();
      await using _workers = await fixture.broker.listen(CONTROL_EXCHANGE, heard.put, {
        keys: [""],
      });
      const id = await submit(fixture);
      await fixture.record(id);
      const revoked = await read(fixture, `/${id}`, { method: "DELETE" });
      assertEquals([revoked.status, revoked.body.state, revoked.body.name], [
        200,
        "REVOKED",
        "add",
      ]);
      assertEquals(revoked.body.error.type, "TaskRevokedError");
      assertEquals(decodeControl(await heard.next()).arguments["task_id"], [id]);
      assertEquals((await read(fixture, `/${id}`, { method: "DELETE" })).status, 409);
      await fixture.take();

      const running = await submit(fixture);
      await fixture.settle(await fixture.take(), { state: "STARTED" });
      const late = await read(fixture, `/${running}`, { method: "DELETE" });
      assertEquals([late.status, late.body.type], [409, "/problems/not-revocable"]);
      await fixture.settle({ id: running }, { result: "3" });
    },
  );

  await t.step("the list applies filters and paginates", async () => {
    const seen: string[] = [];
    let path = "?state=SUCCESS&name=add&limit=1";
    while (path) {
      const { status, body, headers } = await read(fixture, path);
      assertEquals(status, 200);
      seen.push(...body.tasks.map(({ id }: { id: string }) => id));
      path = headers.get("link")?.match(/^<\/v1\/tasks(.+)>; rel="next"$/)?.[1] ?? "";
    }
    assertEquals([seen.length, new Set(seen).size], [3, 3]);
    const { body } = await read(
      fixture,
      "?worker=celeriac%40by-hand&since=2020-01-01T00:00:00Z&limit=1000",
    );
    assertEquals(body.next, null);
    assertEquals(body.tasks.length, 4);
    assertEquals((await read(fixture, "?cursor=nonsense")).status, 422);
    assertEquals((await read(fixture, "?until=2020-01-01T00:00:00%2B01:00")).body.tasks, []);
  });

  await t.step("a list that cannot be read ends in Postgres before the answer", async () => {
    await fixture.database.transaction(async (sql) => {
      const tables = ["task", "workflow", "event", "series", "queue_depth"]
        .map((name) => `celeriac.${name}`).join(", ");
      await sql.query(`lock table ${tables} in access exclusive mode`);
      const paths = [
        "/v1/tasks?name=add",
        "/tasks?q=-name:add",
        "/tasks?q=nothing",
        "/workflows",
        "/v1/events",
        "/v1/series",
        "/v1/queue-depths",
      ];
      const answers = await Promise.all(
        paths.map((path) => fetch(`${fixture.url}${path}`, { headers: { accept: "text/html" } })),
      );
      for (const answer of answers) {
        assertEquals(answer.status, 503);
        assertStringIncludes(await answer.text(), "did not answer within 2.5 s");
      }
      assertEquals(
        await sql.query(
          `select query from pg_stat_activity
          where datname = current_database() and state = 'active' and query like '%as last_time%' and pid <> pg_backend_pid()`,
        ),
        [],
      );
    });
    assertEquals((await read(fixture, "?name=add")).status, 200);
  });
});

Deno.test("the API releases a disconnected caller, and shuts down while others wait", async () => {
  await using fixture = await createFixture();
  const id = await submit(fixture);
  await fixture.record(id);
  const caller = new AbortController();
  const gone = fetch(`${fixture.url}/v1/tasks/${id}?wait=60`, { signal: caller.signal }).catch(() =>
    "gone"
  );
  const waiting = read(fixture, `/${id}?wait=60`);
  const posting = fixture.post("/v1/tasks/ping", {}, { prefer: "wait=60" });
  const stream = await fetch(`${fixture.url}/v1/tasks/${id}/events`);
  await Promise.all([fixture.take(), fixture.take()]);
  caller.abort();
  assertEquals(await gone, "gone");
  const stopping = fixture.api.stop();
  assertEquals((await waiting).body.state, "PENDING");
  const posted = await posting;
  assertEquals([posted.status, (await posted.json()).state], [202, "PENDING"]);
  await stream.text();
  await stopping;
});

Deno.test("the API answers reads with 503 without a database, and still accepts tasks", async () => {
  await using fixture = await createFixture();
  await fixture.database.stop();
  const { status, headers } = await read(fixture, "/order-17");
  assertEquals([status, headers.get("retry-after")], [503, "2"]);
  const keyed = await fixture.post("/v1/tasks/add", { args: [1, 2] }, { "idempotency-key": "k" });
  assertEquals([keyed.status, (await keyed.json()).type], [503, "/problems/unavailable"]);
  const accepted = await fixture.post("/v1/tasks/add", { args: [1, 2] });
  assertEquals(accepted.status, 202);
  const { id } = await accepted.json();
  assertEquals((await fixture.take()).id, id);
  const ready = await fetch(`${fixture.url}/readyz`);
  const { checks } = await ready.json();
  assertEquals([ready.status, checks.broker.ok, checks.database.ok], [200, true, false]);
});
