import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { timeOf } from "../../../shared/results/uuid_time.ts";
import {
  BrokerUnavailable,
  DatabaseUnavailable,
  DatabaseUnreached,
  OutcomeUnknown,
  Unavailable,
} from "../../../shared/errors.ts";
import { createFixture } from "./fixture.ts";

function bodyOf({ body }: { body: Uint8Array }): unknown[] {
  return JSON.parse(new TextDecoder().decode(body));
}

Deno.test("POST /v1/tasks/{name} publishes a persistent Celery message and answers 202", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.post("/v1/tasks/add", { kwargs: { x: 1, y: 2.5 } });
  const accepted = await answer.json();
  assertEquals(answer.status, 202);
  assertEquals(accepted, {
    id: accepted.id,
    state: "PENDING",
    name: "add",
    queue: "celeriac.default",
  });
  assertEquals(answer.headers.get("location"), `/v1/tasks/${accepted.id}`);
  assert(Math.abs(Date.now() - timeOf(accepted.id)!.getTime()) < 60_000);
  const [message, ...more] = await fixture.published();
  assertEquals(more, []);
  assertEquals([message!.headers["task"], message!.headers["id"]], ["add", accepted.id]);
  assertEquals(message!.properties.deliveryMode, 2);
  assertEquals(bodyOf(message!).slice(0, 2), [[], { x: 1, y: 2.5 }]);
});

Deno.test("POST /v1/tasks reads the name from the body", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.post("/v1/tasks", { name: "text.shout", args: ["hey"] });
  assertEquals([answer.status, (await answer.json()).queue], [202, "celeriac.text"]);
  const [message] = await fixture.published("celeriac.text");
  assertEquals(bodyOf(message!).slice(0, 2), [["hey"], {}]);
});

Deno.test("POST /v1/tasks/{name} needs no body if the task needs no input", async () => {
  await using fixture = await createFixture();
  const bare = await fixture.app.request("/v1/tasks/ping", { method: "POST" });
  const empty = await fixture.post("/v1/tasks/ping", {});
  assertEquals([bare.status, empty.status], [202, 202]);
  assertNotEquals((await bare.json()).id, (await empty.json()).id);
  assertEquals((await fixture.published()).length, 2);
});

Deno.test("POST /v1/tasks/{name} passes unknown arguments of a loose schema", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.post("/v1/tasks/loose", { kwargs: { x: 1, more: true } });
  assertEquals(answer.status, 202);
  await answer.body?.cancel();
  assertEquals(bodyOf((await fixture.published())[0]!)[1], { x: 1, more: true });
});

Deno.test("POST /v1/tasks/{name} encodes options as Celery does", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.post("/v1/tasks/add", {
    args: [1, 2],
    options: {
      task_id: "order 17/ä",
      queue: "celeriac.text",
      priority: 7,
      expires: "2099-01-02T03:04:05+01:00",
      retries: 2,
      time_limit: 60,
      soft_time_limit: 50,
      headers: { tenant: "acme", trace: { depth: 3 } },
      ignore_result: true,
    },
  });
  const { id, queue } = await answer.json();
  assertEquals([answer.status, id, queue], [202, "order 17/ä", "celeriac.text"]);
  assertEquals(answer.headers.get("location"), `/v1/tasks/${encodeURIComponent(id)}`);
  const [message] = await fixture.published("celeriac.text");
  assertEquals(message!.properties.priority, 7);
  const { retries, timelimit, tenant, trace, ignore_result, expires } = message!.headers;
  assertEquals(
    { retries, timelimit, tenant, trace, ignore_result },
    { retries: 2, timelimit: [60, 50], tenant: "acme", trace: { depth: 3 }, ignore_result: true },
  );
  assertEquals(new Date(String(expires)), new Date("2099-01-02T02:04:05Z"));
  assertEquals(fixture.records.records.size, 0);
});

Deno.test("POST /v1/tasks/{name} stores a later task in the outbox", async () => {
  await using fixture = await createFixture();
  const byCountdown = await fixture.post("/v1/tasks/add", {
    args: [1, 2],
    options: { countdown: 60 },
  });
  const byEta = await fixture.post("/v1/tasks/add", {
    args: [1, 2],
    options: { eta: "2099-01-02T03:04:05+00:00" },
  });
  assertEquals([byCountdown.status, byEta.status], [202, 202]);
  const ids = [(await byCountdown.json()).id, (await byEta.json()).id];
  assertEquals(fixture.outbox.map(({ taskId }) => taskId), ids);
  const wait = new Date("2099-01-02T03:04:05Z").getTime() - Date.now();
  assertAlmostEquals(fixture.outbox[1]!.due - performance.now(), wait, 10_000);
  assertEquals(await fixture.published(), []);
});

Deno.test("POST /v1/tasks/{name} sends another system's task to a listed queue, unchecked", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.post("/v1/tasks/proj.tasks.mail", {
    args: ["anything"],
    options: { queue: "celery" },
  });
  assertEquals([answer.status, (await answer.json()).name], [202, "proj.tasks.mail"]);
  const [message] = await fixture.published("celery");
  assertEquals([message!.exchange, message!.headers["task"]], ["", "proj.tasks.mail"]);
  const lost = await fixture.post("/v1/tasks/proj.tasks.mail", {
    options: { queue: "celeriac.text" },
  });
  assertEquals([lost.status, (await lost.json()).type], [404, "/problems/unknown-task"]);
});

Deno.test("POST /v1/tasks/{name} writes a PENDING record, unless results are ignored", async () => {
  await using fixture = await createFixture();
  const { id } = await (await fixture.post("/v1/tasks/add", { args: [1, 2] })).json();
  await (await fixture.post("/v1/tasks/silent", {})).body?.cancel();
  const [record, ...more] = fixture.records.records.values();
  assertEquals(more, []);
  assertEquals([record!.id, record!.state, record!.name, record!.argsRepr], [
    id,
    "PENDING",
    "add",
    "(1, 2)",
  ]);
});

Deno.test("POST /v1/tasks/{name} counts accepted tasks", async () => {
  await using fixture = await createFixture();
  await (await fixture.post("/v1/tasks/add", { args: [1, 2] })).body?.cancel();
  await (await fixture.post("/v1/tasks/other", { options: { queue: "celery" } })).body?.cancel();
  const text = await fixture.metrics.render();
  assertMatch(text, /celeriac_tasks_submitted_total\{task="add",via="broker"\} 1/);
  assertMatch(text, /celeriac_tasks_submitted_total\{task="foreign",via="broker"\} 1/);
  assertMatch(
    text,
    /celeriac_http_requests_total\{method="POST",route="\/v1\/tasks\/:task",status="202"\} 2/,
  );
});

Deno.test("POST /v1/tasks/{name} answers 503 with Retry-After when no server can store the task", async () => {
  const refuse = (error: Error) => ({ submit: () => Promise.reject(error) });
  const errors: [Error, string, string[]?][] = [
    [new Unavailable("both down"), "unavailable"],
    [new DatabaseUnreached("down"), "unavailable"],
    [new BrokerUnavailable("down"), "unavailable"],
    [new DatabaseUnavailable("lost"), "outcome-unknown"],
    [new OutcomeUnknown("both silent", ["a"]), "outcome-unknown", ["a"]],
  ];
  for (const [error, kind, ids] of errors) {
    await using fixture = await createFixture({}, { publisher: refuse(error) });
    const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] });
    assertEquals([answer.status, answer.headers.get("retry-after")], [503, "2"]);
    const problem = await answer.json();
    assertEquals([problem.type, problem.ids], [`/problems/${kind}`, ids]);
    assertEquals(fixture.records.records.size, 0);
  }
});

Deno.test("POST /v1/tasks/{name} answers 503 when the queue does not exist", async () => {
  await using fixture = await createFixture({ foreignQueues: ["gone"] });
  const answer = await fixture.post("/v1/tasks/other", { options: { queue: "gone" } });
  assertEquals([answer.status, (await answer.json()).type], [503, "/problems/unroutable"]);
});

Deno.test("POST /v1/tasks/{name} hides the details of an unexpected error", async () => {
  await using fixture = await createFixture({}, {
    publisher: { submit: () => Promise.reject(new TypeError("an internal secret")) },
  });
  const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] });
  const text = await answer.text();
  assertEquals([answer.status, JSON.parse(text).type], [500, "/problems/internal"]);
  assert(!text.includes("secret"));
});

Deno.test("Idempotency-Key returns the same id and publishes once", async () => {
  await using fixture = await createFixture();
  const headers = { "idempotency-key": "order-17" };
  const first = await (await fixture.post("/v1/tasks/add", '{"kwargs":{"x":1,"y":2}}', headers))
    .json();
  const second = await (await fixture.post("/v1/tasks/add", '{"kwargs": {"y":2, "x":1}}', headers))
    .json();
  assertEquals(second, first);
  assertEquals((await fixture.published()).length, 1);
});

Deno.test("requests with one Idempotency-Key at the same time publish one message", async () => {
  await using fixture = await createFixture();
  const post = (args: number[]) =>
    fixture.post("/v1/tasks/add", { args }, { "idempotency-key": "order-18" });
  const answers = await Promise.all(Array.from({ length: 40 }, () => post([1, 2])));
  const ids = new Set<string>();
  for (const answer of answers) {
    assertEquals(answer.status, 202);
    ids.add((await answer.json()).id);
  }
  assertEquals(ids.size, 1);
  assertEquals((await fixture.published()).length, 1);
  const other = await post([1, 3]);
  assertEquals(other.status, 422);
  await other.body?.cancel();
});

Deno.test("Idempotency-Key rejects another body or task", async () => {
  await using fixture = await createFixture();
  const headers = { "idempotency-key": "order-17" };
  await (await fixture.post("/v1/tasks/add", { args: [1, 2] }, headers)).body?.cancel();
  for (
    const [path, body] of [["/v1/tasks/add", { args: [1, 3] }], ["/v1/tasks/ping", {}]] as const
  ) {
    const answer = await fixture.post(path, body, headers);
    assertEquals([answer.status, (await answer.json()).type], [
      422,
      "/problems/idempotency-mismatch",
    ]);
  }
  assertEquals((await fixture.published()).length, 1);
});

Deno.test("Idempotency-Key publishes again with the same id if the first publish is unconfirmed", async () => {
  let attempts = 0;
  const idempotency = {
    begin: () => Promise.resolve({ id: "fixed", fresh: attempts++ === 0, published: false }),
    published: () => Promise.reject(new DatabaseUnavailable("down")),
  };
  await using fixture = await createFixture({}, { idempotency });
  for (let time = 0; time < 2; time++) {
    const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] }, {
      "idempotency-key": "k",
    });
    assertEquals([answer.status, (await answer.json()).id], [202, "fixed"]);
  }
  assertEquals((await fixture.published()).map(({ headers }) => headers["id"]), ["fixed", "fixed"]);
});

Deno.test("Idempotency-Key does not delay a 202 until the confirmation is stored", async () => {
  const idempotency = {
    begin: () => Promise.resolve({ id: "fixed", fresh: true, published: false }),
    published: () => new Promise<void>(() => {}),
  };
  await using fixture = await createFixture({}, { idempotency });
  const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] }, { "idempotency-key": "k" });
  assertEquals([answer.status, (await answer.json()).id], [202, "fixed"]);
});

Deno.test("Idempotency-Key without a database is a 503 and publishes nothing", async () => {
  const down = () => Promise.reject(new DatabaseUnavailable("Cannot reach the database"));
  await using fixture = await createFixture({}, { idempotency: { begin: down, published: down } });
  const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] }, { "idempotency-key": "k" });
  assertEquals([answer.status, answer.headers.get("retry-after")], [503, "2"]);
  assertEquals((await answer.json()).type, "/problems/unavailable");
  assertEquals(await fixture.published(), []);
});
