import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createFixture, type Fixture } from "./fixture.ts";

/** A request that must come to nothing. */
interface Case {
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly status: number;
  /** `type` of the problem, without its folder. */
  readonly kind: string;
  /** The field named in `errors`. */
  readonly field?: string;
  /** What the detail tells besides. */
  readonly says?: string;
}

const options = (given: Record<string, unknown>) => ({ kwargs: { x: 1, y: 2 }, options: given });
const nested = (depth: number) => `{"kwargs":{"x":${"[".repeat(depth)}${"]".repeat(depth)}}}`;
const invalid = { status: 422, kind: "invalid-input" };

const CASES: Record<string, Case> = {
  "not JSON": { body: "{", status: 400, kind: "invalid-json" },
  "not UTF-8": { body: new Uint8Array([0x22, 0xff, 0x22]), status: 400, kind: "invalid-json" },
  "no object": { body: [1, 2], ...invalid, field: "body" },
  "a form": {
    body: "x=1",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    status: 415,
    kind: "unsupported-content-type",
    says: "application/json",
  },
  "another character set": {
    body: "{}",
    headers: { "content-type": "application/json; charset=latin1" },
    status: 415,
    kind: "unsupported-content-type",
  },
  "a compressed body": {
    body: "{}",
    headers: { "content-encoding": "gzip" },
    status: 415,
    kind: "unsupported-content-type",
  },
  "over the contract's limit": {
    path: "/v1/tasks/text.shout",
    body: { kwargs: { text: "a".repeat(300) } },
    status: 413,
    kind: "body-too-large",
    says: "300 bytes",
  },
  "over the limit by its Content-Length": {
    path: "/v1/tasks/text.shout",
    body: {},
    headers: { "content-length": "301" },
    status: 413,
    kind: "body-too-large",
  },
  "over the contract's limit, the name in the body": {
    path: "/v1/tasks",
    body: { name: "text.shout", kwargs: { text: "ä".repeat(140) } },
    status: 413,
    kind: "body-too-large",
  },
  "over the default limit": {
    body: { kwargs: { x: 1, y: 2, z: "a".repeat(1024 * 1024) } },
    status: 413,
    kind: "body-too-large",
  },
  "an unknown task": {
    path: "/v1/tasks/addd",
    body: {},
    status: 404,
    kind: "unknown-task",
    says: "did you mean 'add'?",
  },
  "an unknown task, the name in the body": {
    path: "/v1/tasks",
    body: { name: "nothing.like.it" },
    status: 404,
    kind: "unknown-task",
  },
  "no name": { path: "/v1/tasks", body: {}, ...invalid, field: "name" },
  "the name under another name": {
    path: "/v1/tasks",
    body: { task: "add" },
    ...invalid,
    field: "name",
    says: "not 'task'",
  },
  "a wrong type": { body: { kwargs: { x: "1", y: 2 } }, ...invalid, field: "kwargs.x" },
  "a wrong type by position": { body: { args: [1, "2"] }, ...invalid, field: "args.1" },
  "a missing argument": { body: { kwargs: { x: 1 } }, ...invalid, field: "kwargs.y" },
  "no body where arguments are needed": { body: "", ...invalid, field: "kwargs.x" },
  "a wrong type deep down": {
    path: "/v1/tasks/text.shout",
    body: { kwargs: { text: "a", tags: [{ word: "b" }, { word: 1 }] } },
    ...invalid,
    field: "kwargs.tags.1.word",
  },
  "too many arguments": { body: { args: [1, 2, 3] }, ...invalid, field: "args.2" },
  "an argument given twice": {
    body: { args: [1], kwargs: { x: 1, y: 2 } },
    ...invalid,
    field: "kwargs.x",
  },
  "an unknown argument": {
    path: "/v1/tasks/text.shout",
    body: { kwargs: { text: "a", time: 2 } },
    ...invalid,
    field: "kwargs.time",
    says: "did you mean 'times'?",
  },
  "args that are no array": { body: { args: { x: 1 } }, ...invalid, field: "args" },
  "kwargs that are no object": { body: { kwargs: [1, 2] }, ...invalid, field: "kwargs" },
  "options that are no object": {
    body: { args: [1, 2], options: 5 },
    ...invalid,
    field: "options",
  },
  "arguments beside kwargs": { body: { x: 1, y: 2 }, ...invalid, field: "x", says: "'kwargs'" },
  "an unknown key": {
    body: { kwarg: {} },
    ...invalid,
    field: "kwarg",
    says: "did you mean 'kwargs'?",
  },
  "an id of too many bytes": {
    body: options({ task_id: "é".repeat(200), countdown: 2 }),
    ...invalid,
    field: "options.task_id",
    says: "255 bytes",
  },
  "headers of too many bytes": {
    body: options({ headers: { note: "語".repeat(25_000) }, countdown: 2 }),
    ...invalid,
    field: "options.headers",
    says: "32768 bytes",
  },
  "headers that are short as JSON and long on the wire": {
    body: options({ headers: { numbers: Array(16_000).fill(1) } }),
    ...invalid,
    field: "options.headers",
  },
  "a header's name of too many bytes": {
    body: options({ headers: { ["語".repeat(90)]: 1 } }),
    ...invalid,
    field: `options.headers.${"語".repeat(90)}`,
  },
  "an unknown option": {
    body: options({ countdwon: 1 }),
    ...invalid,
    field: "options.countdwon",
    says: "did you mean 'countdown'?",
  },
  "a negative countdown": {
    body: options({ countdown: -1 }),
    ...invalid,
    field: "options.countdown",
  },
  "a countdown of centuries": {
    body: options({ countdown: 1e12 }),
    ...invalid,
    field: "options.countdown",
  },
  "an eta without zone": {
    body: options({ eta: "2030-01-02T03:04:05" }),
    ...invalid,
    field: "options.eta",
    says: "zone",
  },
  "an eta that is no day": {
    body: options({ eta: "2030-02-30T00:00:00Z" }),
    ...invalid,
    field: "options.eta",
  },
  "eta and countdown": {
    body: options({ eta: "2030-01-02T03:04:05Z", countdown: 1 }),
    ...invalid,
    field: "options.eta",
  },
  "expires without zone": {
    body: options({ expires: "2030-01-02T03:04:05" }),
    ...invalid,
    field: "options.expires",
    says: "zone",
  },
  "a negative expires": { body: options({ expires: -1 }), ...invalid, field: "options.expires" },
  "a priority of 256": { body: options({ priority: 256 }), ...invalid, field: "options.priority" },
  "a fraction of a retry": {
    body: options({ retries: 0.5 }),
    ...invalid,
    field: "options.retries",
  },
  "a time limit of nothing": {
    body: options({ time_limit: 0 }),
    ...invalid,
    field: "options.time_limit",
  },
  "a soft time limit in words": {
    body: options({ soft_time_limit: "5" }),
    ...invalid,
    field: "options.soft_time_limit",
  },
  "an empty id": { body: options({ task_id: "" }), ...invalid, field: "options.task_id" },
  "an id with a line break": {
    body: options({ task_id: "a\nb" }),
    ...invalid,
    field: "options.task_id",
  },
  "an id of 256 characters": {
    body: options({ task_id: "a".repeat(256) }),
    ...invalid,
    field: "options.task_id",
  },
  "a result that is maybe ignored": {
    body: options({ ignore_result: "yes" }),
    ...invalid,
    field: "options.ignore_result",
  },
  "another's queue": {
    body: options({ queue: "billing" }),
    ...invalid,
    field: "options.queue",
    says: "CELERIAC_FOREIGN_QUEUES",
  },
  "the dead letters as queue": {
    body: options({ queue: "celeriac.dead" }),
    ...invalid,
    field: "options.queue",
  },
  "header CC": {
    body: options({ headers: { CC: ["a"] } }),
    ...invalid,
    field: "options.headers.CC",
  },
  "header BCC": {
    body: options({ headers: { BCC: ["a"] } }),
    ...invalid,
    field: "options.headers.BCC",
  },
  "header x-death": {
    body: options({ headers: { "x-death": [] } }),
    ...invalid,
    field: "options.headers.x-death",
  },
  "header retries": {
    body: options({ headers: { retries: 5 } }),
    ...invalid,
    field: "options.headers.retries",
  },
  "header task": {
    body: options({ headers: { task: "other" } }),
    ...invalid,
    field: "options.headers.task",
  },
  "a header without name": {
    body: options({ headers: { "": 5 } }),
    ...invalid,
    field: "options.headers.",
  },
  "a header far below zero": {
    body: options({ headers: { debt: -(2 ** 31) - 1 } }),
    ...invalid,
    field: "options.headers.debt",
  },
  "headers of a megabyte": {
    body: options({ headers: { big: "a".repeat(40_000) } }),
    ...invalid,
    field: "options.headers",
  },
  "absurd depth": { body: nested(5000), ...invalid, says: "nested deeper" },
  "a NUL": { body: '{"kwargs":{"x":"\\u0000"}}', ...invalid, field: "kwargs.x", says: "NUL" },
  "a lone surrogate": {
    body: '{"kwargs":{"x":"\\ud800"}}',
    ...invalid,
    field: "kwargs.x",
    says: "surrogate",
  },
  "an integer past 2^53": {
    body: '{"kwargs":{"x":9007199254740993,"y":1}}',
    ...invalid,
    field: "kwargs.x",
    says: "9007199254740991",
  },
  "a name twice": { body: '{"kwargs":{"x":1,"x":2,"y":1}}', ...invalid, field: "x" },
  "typed JSON that Python would die of": {
    path: "/v1/tasks/loose",
    body: { kwargs: { x: 1, when: { __type__: "nonsense", __value__: 1 } } },
    ...invalid,
  },
  "an Idempotency-Key with a space": {
    body: { args: [1, 2] },
    headers: { "idempotency-key": "a b" },
    ...invalid,
    field: "Idempotency-Key",
  },
  "an Idempotency-Key of 256 characters": {
    body: { args: [1, 2] },
    headers: { "idempotency-key": "a".repeat(256) },
    ...invalid,
    field: "Idempotency-Key",
  },
  "a page of another site": {
    body: { args: [1, 2] },
    headers: { "sec-fetch-site": "cross-site" },
    status: 403,
    kind: "cross-site",
  },
};

async function send(
  fixture: Fixture,
  { path = "/v1/tasks/add", body, headers }: Case,
): Promise<Response> {
  if (!(body instanceof Uint8Array)) return await fixture.post(path, body, headers);
  const sent = {
    method: "POST",
    body: body as BodyInit,
    headers: { "content-type": "application/json" },
  };
  return await fixture.app.request(path, sent);
}

Deno.test("the API answers bad input with a problem and publishes nothing", async (t) => {
  await using fixture = await createFixture();
  for (const [name, wrong] of Object.entries(CASES)) {
    await t.step(name, async () => {
      const answer = await send(fixture, wrong);
      const problem = await answer.json();
      assertEquals(answer.status, wrong.status, JSON.stringify(problem));
      assertEquals(answer.headers.get("content-type"), "application/problem+json");
      assertEquals(problem.type, `/problems/${wrong.kind}`);
      assertEquals(problem.status, wrong.status);
      assert(problem.title.length > 0 && problem.detail.startsWith("Cannot "), problem.detail);
      if (wrong.field !== undefined) {
        const fields = problem.errors.map((error: { field: string }) => error.field);
        assert(fields.includes(wrong.field), `${wrong.field} is not among ${fields}`);
      }
      if (wrong.says) assertStringIncludes(problem.detail, wrong.says);
    });
  }
  for (const queue of ["celeriac.default", "celeriac.text", "celery"]) {
    assertEquals(await fixture.published(queue), []);
  }
  assertEquals([fixture.outbox, fixture.records.records.size], [[], 0]);
});

Deno.test("the API rejects a body that exceeds the limit while it is read", async () => {
  await using fixture = await createFixture();
  let cancelled = false;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(100).fill(32)),
    cancel: () => {
      cancelled = true;
    },
  });
  const answer = await fixture.app.request("/v1/tasks/text.shout", {
    method: "POST",
    body: endless,
    headers: { "content-type": "application/json" },
  });
  assertEquals([answer.status, cancelled], [413, true]);
  await answer.body?.cancel();
});

Deno.test("the API publishes nothing for a caller that disconnects while sending", async () => {
  await using fixture = await createFixture();
  for (const headers of [{}, { "content-length": "1000" }]) {
    let chunks = 0;
    const broken = new ReadableStream({
      pull(controller) {
        if (chunks++ > 0) controller.error(new Error("connection reset"));
        else controller.enqueue(new TextEncoder().encode('{"args":[1,2]}'));
      },
    });
    const answer = await fixture.app.request("/v1/tasks/add", {
      method: "POST",
      body: broken,
      headers: { "content-type": "application/json", ...headers },
    });
    assertEquals([answer.status, (await answer.json()).type], [400, "/problems/incomplete-body"]);
  }
  assertEquals(await fixture.published(), []);
});

Deno.test("the API names every invalid field and the allowed values", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.post("/v1/tasks/add", {
    options: { queu: "a", priority: 300, countdown: -1 },
  });
  const { errors } = await answer.json();
  const fields = errors.map(({ field }: { field: string }) => field).sort();
  assertEquals(fields, ["options.countdown", "options.priority", "options.queu"]);
  const unknown = errors.find(({ field }: { field: string }) => field === "options.queu");
  assert(unknown.allowed.includes("queue"));
});

Deno.test("the API answers an unknown route and a wrong method with problems", async () => {
  await using fixture = await createFixture();
  const missing = await fixture.app.request("/v2/tasks");
  assertEquals([missing.status, (await missing.json()).type], [404, "/problems/unknown-route"]);
  const cases: [string, string, string][] = [
    ["PUT", "/v1/tasks/add", "DELETE, GET, HEAD, POST"],
    ["PATCH", "/v1/tasks", "GET, HEAD, POST"],
    ["GET", "/v1/tasks:batch", "POST"],
    ["POST", "/openapi.json", "GET, HEAD"],
  ];
  for (const [method, path, allow] of cases) {
    const answer = await fixture.app.request(path, { method });
    assertEquals([answer.status, answer.headers.get("allow")], [405, allow], path);
    assertEquals((await answer.json()).type, "/problems/method-not-allowed");
  }
});

Deno.test("a problem stays small with many mistakes", async (t) => {
  const many = (count: number, entry: (index: number) => [string, unknown]) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => entry(index)));
  const long = "long".repeat(20_000);
  const lines = Array.from({ length: 1000 }, () => `{"name":"adx","a":1,"b":1,"c":1,"d":1}\n`);
  const cases: [string, string, string | object, number][] = [
    ["unknown arguments", "/v1/tasks/add", { kwargs: many(60_000, (n) => [`x${n}`, 1]) }, 25_000],
    ["a long unknown argument", "/v1/tasks/add", { kwargs: { [long]: 1 } }, 3000],
    ["unknown options", "/v1/tasks/ping", { options: many(60_000, (n) => [`x${n}`, 1]) }, 25_000],
    [
      "refused headers",
      "/v1/tasks/ping",
      { options: { headers: many(20_000, (n) => [`h${n}`, -(2 ** 40)]) } },
      25_000,
    ],
    ["unknown names", "/v1/tasks/ping", many(60_000, (n) => [`x${n}`, 1]), 25_000],
    [
      "items that do not fit",
      "/v1/workflows",
      { name: "text.shout", kwargs: { text: "a", tags: Array(60_000).fill(1) } },
      25_000,
    ],
    ["names of a schedule", "/v1/schedules", many(60_000, (n) => [`x${n}`, 1]), 25_000],
    ["a long queue", "/v1/tasks/ping", { options: { queue: long } }, 3000],
    ["lines of a batch", "/v1/tasks:batch", lines.join(""), 700_000],
  ];
  await using fixture = await createFixture({ batchLimit: 1000 });
  for (const [what, path, body, limit] of cases) {
    await t.step(what, async () => {
      const batch = path.endsWith(":batch");
      const type = batch ? "application/x-ndjson" : "application/json";
      const answer = await fixture.post(path, body, { "content-type": type });
      const text = await answer.text();
      assertEquals(answer.status, batch ? 200 : 422, text.slice(0, 300));
      assert(text.length < limit, `${text.length} characters: ${text.slice(0, 300)}`);
      assertEquals(text.includes(' more"'), limit === 25_000, text.slice(-300));
    });
  }
});
