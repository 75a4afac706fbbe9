import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { v4, v7 } from "uuid";
import { encodeEvents } from "../../../shared/celery/event.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { encodeException, traceback } from "../../../shared/celery/exception.ts";
import { Retry } from "../../../shared/errors.ts";
import { createFixture, type Fixture } from "./fixture.ts";
import { timeOf } from "../../../shared/results/uuid_time.ts";

const TIME = new Date("2026-01-02T03:04:05.678Z");

async function announce(fixture: Fixture, id: string): Promise<void> {
  const event = { type: "task-succeeded", id, name: "add", result: "3", runtime: 0 } as const;
  const node = { hostname: "celeriac@test", pid: 1, clock: () => 1 };
  await fixture.broker.publish(encodeEvents([{ event, timestamp: 1 }], node), { mandatory: false });
}

Deno.test("GET /v1/tasks/{id} answers with the record", async () => {
  await using fixture = await createFixture();
  fixture.records.put({
    id: "a",
    name: "add",
    state: "RETRY",
    queue: "celeriac.default",
    worker: "celeriac@w",
    argsRepr: "(1, 2)",
    kwargsRepr: "{}",
    exception: { exc_type: "ValueError", exc_message: ["boom", 2], exc_module: "builtins" },
    traceback: "at line 1",
    lineage: { parent: "parent", root: "root", trace: "4bf92f3577b34da6a3ce929d0e0e4736" },
    retries: 2,
    deliveries: 3,
    submittedAt: TIME,
    startedAt: TIME,
    updatedAt: TIME,
  });
  const answer = await fixture.app.request("/v1/tasks/a");
  assertEquals(answer.headers.get("cache-control"), "no-store");
  assertEquals(await answer.json(), {
    id: "a",
    name: "add",
    state: "RETRY",
    queue: "celeriac.default",
    worker: "celeriac@w",
    args: [1, 2],
    kwargs: {},
    args_repr: "(1, 2)",
    input: null,
    kwargs_repr: "{}",
    truncated: false,
    result: null,
    error: {
      name: null,
      message: "boom",
      stack: "at line 1",
      type: "ValueError",
      module: "builtins",
      args: ["boom", 2],
    },
    traceback: "at line 1",
    meta: null,
    children: [],
    parent_id: "parent",
    root_id: "root",
    trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
    labels: {},
    submitted_by: null,
    history: [],
    retries: 2,
    attempts: 2,
    deliveries: 3,
    submitted_at: "2026-01-02T03:04:05.678Z",
    started_at: "2026-01-02T03:04:05.678Z",
    finished_at: null,
    updated_at: "2026-01-02T03:04:05.678Z",
  });
});

Deno.test("GET /v1/tasks/{id} returns progress while a task reports it", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "PROGRESS", result: '{"done": 1}', startedAt: TIME });
  const { progress, result, attempts } = await (await fixture.app.request("/v1/tasks/a")).json();
  assertEquals([progress, result, attempts], [{ done: 1 }, null, 1]);
});

Deno.test("GET /v1/tasks/{id} returns Python results as JSON with exact long integers", async () => {
  await using fixture = await createFixture();
  const cases: [string, string][] = [
    ["12345678901234567890", "12345678901234567890"],
    ["[NaN, 12345678901234567890]", "[null,12345678901234567890]"],
    ['{"__type__": "decimal", "__value__": "1.50"}', '"1.50"'],
    ["not json", '"not json"'],
  ];
  for (const [index, [result, expected]] of cases.entries()) {
    fixture.records.put({ id: `r${index}`, state: "SUCCESS", result });
    const text = await (await fixture.app.request(`/v1/tasks/r${index}`)).text();
    assert(text.includes(`"result":${expected}}`), text);
  }
});

Deno.test("GET /v1/tasks/{id} returns PENDING for a recent id of Celeriac and 404 for other unknown ids", async () => {
  await using fixture = await createFixture();
  const young = v7();
  const pending = await fixture.app.request(`/v1/tasks/${young}`);
  const { id, state, submitted_at } = await pending.json();
  assertEquals([pending.status, id, state, submitted_at], [200, young, "PENDING", null]);
  const old = v7({ msecs: Date.now() - 11_000 });
  for (const unknown of [v4(), old, "order-17", "a%00b", "a".repeat(300)]) {
    const answer = await fixture.app.request(`/v1/tasks/${unknown}?wait=30`);
    const problem = await answer.json();
    assertEquals([answer.status, problem.type], [404, "/problems/no-record"], unknown);
  }
});

Deno.test("the API uses the database's clock to create ids and to judge their age", async () => {
  for (const aheadMs of [-3_600_000, 3_600_000]) {
    const clock = { now: () => new Date(Date.now() + aheadMs) };
    await using fixture = await createFixture({}, { clock });
    const submissions = [
      await fixture.post("/v1/tasks/ping", {}),
      await fixture.post("/v1/tasks/ping", {}, { "idempotency-key": "k" }),
      await fixture.post("/v1/workflows", { name: "ping" }),
    ];
    for (const answer of submissions) {
      const { id } = await answer.json();
      const made = timeOf(id)!.getTime() - clock.now().getTime();
      assert(Math.abs(made) < 600_000, `${made} ms`);
    }
    const young = v7({ msecs: clock.now().getTime() });
    const old = v7();
    const statuses = async (path: (id: string) => string, init: RequestInit = {}) => {
      const found: number[] = [];
      for (const id of [young, old]) {
        const answer = await fixture.app.request(path(id), init);
        await answer.body?.cancel();
        found.push(answer.status);
      }
      return found;
    };
    assertEquals(await statuses((id) => `/v1/tasks/${id}`), [200, 404]);
    assertEquals(await statuses((id) => `/v1/tasks/${id}/events`, { method: "HEAD" }), [200, 404]);
    assertEquals(await statuses((id) => `/v1/tasks/${id}`, { method: "DELETE" }), [200, 404]);
  }
});

Deno.test("GET /v1/tasks/{id} finds ids that need escaping in a URL", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "order 17/ä", state: "SUCCESS", result: "1" });
  const answer = await fixture.app.request(`/v1/tasks/${encodeURIComponent("order 17/ä")}`);
  assertEquals((await answer.json()).id, "order 17/ä");
});

Deno.test("GET /v1/tasks/{id} sends an ETag for final results and supports If-None-Match", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "SUCCESS", result: "3" });
  fixture.records.put({ id: "b", state: "SUCCESS", result: "4" });
  const first = await fixture.app.request("/v1/tasks/a");
  const etag = first.headers.get("etag")!;
  await first.body?.cancel();
  assert(/^"[\w-]+"$/.test(etag), etag);
  assertEquals(first.headers.get("cache-control"), "private, no-cache");
  for (const header of [etag, `"other", W/${etag}`, "*"]) {
    const again = await fixture.app.request("/v1/tasks/a", {
      headers: { "if-none-match": header },
    });
    assertEquals([again.status, again.headers.get("etag"), await again.text()], [304, etag, ""]);
  }
  const other = await fixture.app.request("/v1/tasks/b", { headers: { "if-none-match": etag } });
  assertEquals(other.status, 200);
  assertNotEquals(other.headers.get("etag"), etag);
  await other.body?.cancel();
});

Deno.test("GET /v1/tasks/{id} reads a final record once, and again after an event of the task", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "SUCCESS", result: "3" });
  fixture.records.put({ id: "b", state: "STARTED" });
  const read = async (id: string) =>
    (await (await fixture.app.request(`/v1/tasks/${id}`)).json()).state;
  for (let time = 0; time < 3; time++) {
    assertEquals([await read("a"), await read("b")], ["SUCCESS", "STARTED"]);
  }
  assertEquals(fixture.records.reads, 1 + 3);

  fixture.records.put({ id: "a", state: "REVOKED" });
  const heard = Promise.withResolvers<void>();
  using _subscription = fixture.hub.subscribe("a", () => heard.resolve());
  await announce(fixture, "a");
  await heard.promise;
  assertEquals(await read("a"), "REVOKED");
});

Deno.test("GET /v1/tasks/{id} reads the store each time when the cache is off", async () => {
  await using fixture = await createFixture({ resultCache: 0 });
  fixture.records.put({ id: "a", state: "SUCCESS", result: "3" });
  for (let time = 0; time < 3; time++) {
    await (await fixture.app.request("/v1/tasks/a")).body?.cancel();
  }
  assertEquals(fixture.records.reads, 3);
});

Deno.test("GET /v1/tasks/{id}?wait= responds when an event reports the end", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "STARTED" });
  const answering = fixture.app.request("/v1/tasks/a?wait=20");
  fixture.records.put({ id: "a", state: "SUCCESS", result: "3" });
  await announce(fixture, "a");
  const answer = await answering;
  assertEquals([(await answer.json()).result, answer.headers.has("etag")], [3, true]);
});

Deno.test("GET /v1/tasks/{id}?wait= also polls, and returns the present state on timeout", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "STARTED" });
  const answering = fixture.app.request("/v1/tasks/a?wait=20");
  fixture.records.put({ id: "a", state: "FAILURE" });
  assertEquals((await (await answering).json()).state, "FAILURE");
  fixture.records.put({ id: "b", state: "STARTED" });
  assertEquals(
    (await (await fixture.app.request("/v1/tasks/b?wait=0.05")).json()).state,
    "STARTED",
  );
});

Deno.test("GET /v1/tasks/{id}?wait= ends when the caller disconnects", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "STARTED" });
  const caller = new AbortController();
  const answering = fixture.app.request(
    new Request("http://localhost/v1/tasks/a?wait=60", { signal: caller.signal }),
  );
  caller.abort();
  assertEquals((await (await answering).json()).state, "STARTED");
});

Deno.test("GET /v1/tasks/{id} rejects invalid parameters", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "STARTED" });
  for (const query of ["wait=soon", "wait=-1", "wait=", "wiat=5", "wait=1&wait=2"]) {
    const answer = await fixture.app.request(`/v1/tasks/a?${query}`);
    assertEquals(
      [answer.status, (await answer.json()).type],
      [422, "/problems/invalid-input"],
      query,
    );
  }
});

Deno.test("GET /v1/tasks/{id} answers 503 without a database", async () => {
  const down = () => Promise.reject(new DatabaseUnavailable("Cannot reach the database"));
  await using fixture = await createFixture({}, {
    store: { find: down, list: down, revoke: down, states: down, summaries: down },
  });
  for (const path of ["/v1/tasks/a", "/v1/tasks/a?wait=5", "/v1/tasks", "/v1/tasks/a/events"]) {
    const answer = await fixture.app.request(path);
    assertEquals([answer.status, answer.headers.get("retry-after")], [503, "2"], path);
    await answer.body?.cancel();
  }
});

Deno.test("GET /v1/tasks applies filters and paginates", async () => {
  await using fixture = await createFixture();
  for (let n = 0; n < 5; n++) {
    fixture.records.put({ id: `a${n}`, name: "add", state: "SUCCESS", result: "1" });
  }
  fixture.records.put({ id: "b", name: "ping", state: "FAILURE" });
  const seen: string[] = [];
  let path: string | undefined = "/v1/tasks?name=add&limit=2";
  while (path) {
    const answer = await fixture.app.request(path);
    const { tasks, next } = await answer.json();
    seen.push(...tasks.map(({ id }: { id: string }) => id));
    const link = answer.headers.get("link");
    assertEquals(link === null, next === null);
    path = link?.match(/^<(.+)>; rel="next"$/)?.[1];
  }
  assertEquals(seen, ["a0", "a1", "a2", "a3", "a4"]);
  const failed = await (await fixture.app.request("/v1/tasks?state=FAILURE")).json();
  assertEquals([failed.tasks.length, failed.tasks[0].id, failed.next], [1, "b", null]);
});

Deno.test("GET /v1/tasks omits results unless requested", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", name: "add", state: "SUCCESS", result: '{"large":true}' });
  fixture.records.put({ id: "b", name: "add", state: "PROGRESS", result: "0.5" });
  const list = async (query: string) => {
    const { tasks } = await (await fixture.app.request(`/v1/tasks${query}`)).json();
    return tasks.map((task: Record<string, unknown>) => [
      "result" in task,
      "progress" in task,
      task["result"] ?? task["progress"] ?? null,
    ]);
  };
  const without = [[false, false, null], [false, false, null]];
  assertEquals(await list(""), without);
  assertEquals(await list("?results=false"), without);
  assertEquals(await list("?results=true"), [[true, false, { large: true }], [true, true, 0.5]]);
  assertEquals((await fixture.app.request("/v1/tasks?results=yes")).status, 422);
});

Deno.test("GET /v1/tasks rejects invalid filters and names them", async () => {
  await using fixture = await createFixture();
  const cases: [string, string][] = [
    ["state=DONE", "state"],
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["limit=many", "limit"],
    ["since=yesterday", "since"],
    ["until=2026-01-02T03:04:05", "until"],
    ["nmae=add", "nmae"],
    ["name=a%00b", "name"],
    ["cursor=nonsense", "cursor"],
  ];
  for (const [query, field] of cases) {
    const answer = await fixture.app.request(`/v1/tasks?${query}`);
    const { errors } = await answer.json();
    assertEquals([answer.status, errors[0].field], [422, field], query);
  }
  const { errors } = await (await fixture.app.request("/v1/tasks?state=DONE")).json();
  assert(errors[0].allowed.includes("SUCCESS"));
});

Deno.test("GET /v1/tasks/{id} lists started tasks, and groups with their members", async () => {
  await using fixture = await createFixture();
  const group = [["g", null], [[["b", null], null], [["c", null], null]]] as const;
  fixture.records.put({
    id: "a",
    state: "SUCCESS",
    result: "3",
    children: [[["n", null], null], group],
  });
  fixture.records.put({ id: "none", state: "SUCCESS", result: "3" });
  const odd = ["x", [7, null], [["y"]]] as unknown as (typeof group)[];
  fixture.records.put({ id: "odd", state: "SUCCESS", result: "3", children: odd });
  const children = async (id: string) =>
    (await (await fixture.app.request(`/v1/tasks/${id}`)).json()).children;
  assertEquals(await children("a"), [
    { id: "n" },
    { id: "g", members: [{ id: "b" }, { id: "c" }] },
  ]);
  assertEquals(await children("none"), []);
  assertEquals(await children("odd"), [{ id: "y" }]);
});

Deno.test("GET /v1/tasks/{id} returns null for arguments that are not stored", async () => {
  await using fixture = await createFixture();
  const cases: [string | null, string | null, unknown][] = [
    ["(1, 'two')", "{'a': None}", [[1, "two"], { a: null }, false]],
    ["(1, 'two...',)", "{}", [null, {}, true]],
    ["(1,)", "{'when': datetime.date(2026, 1, 2)}", [[1], null, true]],
    ["{}", "()", [null, null, true]],
    [null, null, [null, null, false]],
  ];
  for (const [index, [argsRepr, kwargsRepr, expected]] of cases.entries()) {
    fixture.records.put({ id: `a${index}`, state: "PENDING", argsRepr, kwargsRepr });
    const { args, kwargs, truncated } = await (await fixture.app.request(`/v1/tasks/a${index}`))
      .json();
    assertEquals([args, kwargs, truncated], expected);
  }
});

Deno.test("GET /v1/tasks/{id} returns the JavaScript error class and Celery's", async () => {
  class OrderLost extends Error {}
  class Renamed extends Error {
    override name = "Renamed";
    pythonClass = "shop.errors.NotServed";
  }
  const python = 'Traceback (most recent call last):\n  File "a.py", line 1\nKeyError: 1\n';
  const cases: [unknown, string | null, string][] = [
    [new RangeError("too large"), "RangeError", "ValueError"],
    [new OrderLost("gone"), "OrderLost", "OrderLost"],
    [new Renamed("no"), "Renamed", "NotServed"],
    [new Retry("later", { cause: new SyntaxError("odd") }), "SyntaxError", "ValueError"],
    [new Error(), "Error", "Error"],
    ["only text", null, "Error"],
  ];
  await using fixture = await createFixture();
  for (const [thrown, name, type] of cases) {
    const [exception, stack] = [encodeException(thrown), traceback(thrown)];
    fixture.records.put({ id: type, state: "RETRY", exception, traceback: stack });
    const { error } = await (await fixture.app.request(`/v1/tasks/${type}`)).json();
    assertEquals([error.name, error.type, error.stack], [name, type, stack]);
  }
  const exception = { exc_type: "KeyError", exc_message: [1], exc_module: "builtins" };
  fixture.records.put({ id: "py", state: "FAILURE", exception, traceback: python });
  const { error, traceback: told } = await (await fixture.app.request("/v1/tasks/py")).json();
  assertEquals([error.name, error.stack, told], [null, null, python]);
});

Deno.test("GET /v1/tasks/{id} describes a time limit in words", async () => {
  await using fixture = await createFixture();
  for (
    const [exc_type, exc_message, message] of [
      ["TimeLimitExceeded", [2.5], "Time limit of 2.5 s exceeded"],
      ["SoftTimeLimitExceeded", [], "Soft time limit exceeded"],
    ] as const
  ) {
    const exception = {
      exc_type,
      exc_message: [...exc_message],
      exc_module: "billiard.exceptions",
    };
    fixture.records.put({ id: exc_type, state: "FAILURE", exception });
    const { error } = await (await fixture.app.request(`/v1/tasks/${exc_type}`)).json();
    assertEquals(error.message, message);
  }
});
