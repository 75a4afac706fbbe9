import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ALL_RIGHTS, Caller, type Rights } from "../../../../api/access/caller.ts";
import { arePatternsWithin, matcher } from "../../../../api/access/pattern.ts";
import { includesScope } from "../../../../api/access/scopes.ts";
import { bearer, fixtureFor, keyedFixture, ROOT_TOKEN, testKey } from "./keys.ts";

const caller = (rights: Partial<Rights>) => new Caller("key:a", "a", { ...ALL_RIGHTS, ...rights });

Deno.test("arePatternsWithin() is true only for patterns whose every name matches", () => {
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*"), maxLength: 6 });
  const name = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 });
  fc.assert(
    fc.property(
      pattern,
      fc.array(pattern, { maxLength: 3 }),
      fc.array(name),
      (one, wide, names) => {
        if (!arePatternsWithin([one], wide)) return;
        const [inner, outer] = [matcher([one]), matcher(wide)];
        for (const text of names) assert(!inner(text) || outer(text), `${one} in ${wide}: ${text}`);
      },
    ),
  );
  assert(arePatternsWithin(["a.*"], ["*"]) && arePatternsWithin(["a.b"], ["b", "a.*"]));
});

Deno.test("matcher() finds a name within milliseconds, however many * a pattern has", () => {
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 6 });
  const name = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
  fc.assert(fc.property(pattern, name, (one, text) => {
    const expression = new RegExp(`^${one.replaceAll("*", ".*")}$`);
    assertEquals(matcher([one])(text), expression.test(text), `${one}: ${text}`);
  }));
  const began = performance.now();
  assertEquals(matcher([`${"*a".repeat(127)}b`])("a".repeat(255)), false);
  assert(performance.now() - began < 1000);
});

Deno.test("includesScope() knows wildcards of groups only", () => {
  const cases: [granted: string[], scope: string, included: boolean][] = [
    [["tasks:read"], "tasks:read", true],
    [["tasks:read"], "tasks:read-data", false],
    [["tasks:*"], "tasks:read-data", true],
    [["tasks:*"], "tasks:*", true],
    [["tasks:*"], "*", false],
    [["*"], "*", true],
    [["*"], "keys:write", true],
    [[], "tasks:read", false],
  ];
  for (const [granted, scope, included] of cases) {
    assertEquals(includesScope(granted, scope), included, `${granted} ${scope}`);
  }
});

Deno.test("Caller.covers() compares each right", () => {
  const soon = new Date(1000);
  const later = new Date(2000);
  const own = caller({
    scopes: ["tasks:*"],
    tasks: ["orders.*"],
    queues: ["celeriac.*"],
    expiresAt: soon,
    requestsPerMinute: 10,
  });
  assert(own.covers(own.rights));
  const wider: Partial<Rights>[] = [
    { scopes: ["keys:read"] },
    { scopes: ["*"] },
    { tasks: ["*"] },
    { tasks: ["orders.*", "mail"] },
    { queues: ["other"] },
    { expiresAt: later },
    { expiresAt: null },
    { requestsPerMinute: 11 },
    { requestsPerMinute: null },
  ];
  for (const change of wider) {
    assert(!own.covers({ ...own.rights, ...change }), JSON.stringify(change));
  }
});

Deno.test("Caller.sees() matches unknown names and queues by * only", () => {
  assert(caller({}).sees({ name: null, queue: null }));
  assert(!caller({ tasks: ["**a", "a*"] }).sees({ name: null, queue: null }));
  assert(!caller({ queues: ["a*"] }).sees({ name: "a", queue: null }));
  assert(caller({ tasks: ["a*"] }).sees({ name: "ab", queue: null }));
});

Deno.test("a key limited to some tasks submits only those, alone, in batches and in workflows", async () => {
  const { fixture, send } = await fixtureFor({ scopes: ["tasks:*"], tasks: ["text.*"] });
  await using _fixture = fixture;
  const post = async (path: string, body: unknown) => {
    const answer = await send(path, { method: "POST", body: JSON.stringify(body) });
    return [answer.status, await answer.json()] as const;
  };
  const shout = { kwargs: { text: "a" } };
  assertEquals((await post("/v1/tasks/text.shout", shout))[0], 202);
  const [status, problem] = await post("/v1/tasks/ping", {});
  assertEquals([status, problem.type], [403, "/problems/forbidden"]);
  assertEquals((await post("/v1/tasks", { name: "ping" }))[0], 403);
  const [, lines] = await post("/v1/tasks:batch", [{ name: "ping" }, {
    name: "text.shout",
    ...shout,
  }]);
  assertEquals(lines.map((line: { status: number }) => line.status), [403, 202]);
  const workflows = [
    { chain: [{ name: "text.shout", ...shout }, { name: "ping", immutable: true }] },
    { name: "text.shout", ...shout, link: [{ name: "ping", immutable: true }] },
    { name: "text.shout", ...shout, link_error: [{ name: "ping", immutable: true }] },
    { starmap: { name: "add", items: [[1, 2]] } },
    {
      name: "text.shout",
      ...shout,
      link: [{ group: [{ name: "ping", immutable: true }, { name: "ping", immutable: true }] }],
    },
  ];
  for (const workflow of workflows) {
    const [refused] = await post("/v1/workflows", workflow);
    assertEquals(refused, 403, JSON.stringify(workflow));
  }
  assertEquals(fixture.workflows.started.size, 0);
  assertEquals((await fixture.published()).length, 0);
  assertEquals((await fixture.published("celeriac.text")).length, 2);
});

Deno.test("a key limited to some queues cannot send a task to another queue", async () => {
  const { fixture, send } = await fixtureFor({
    scopes: ["tasks:submit"],
    queues: ["celeriac.default"],
  });
  await using _fixture = fixture;
  const statuses = [];
  for (const options of [{}, { queue: "celeriac.text" }]) {
    const body = JSON.stringify({ options });
    const answer = await send("/v1/tasks/ping", { method: "POST", body });
    await answer.body?.cancel();
    statuses.push(answer.status);
  }
  assertEquals(statuses, [202, 403]);
});

Deno.test("a key limited to some queues cannot hide another queue in a group of followers", async () => {
  const { fixture, send } = await fixtureFor({
    scopes: ["tasks:submit"],
    queues: ["celeriac.default"],
  });
  await using _fixture = fixture;
  const statuses = [];
  for (const queue of ["celeriac.default", "celeriac.text"]) {
    const part = { name: "ping", immutable: true, options: { queue } };
    for (
      const link of [{ group: [part, part] }, { chain: [part, { group: [part, part] }, part] }]
    ) {
      const body = JSON.stringify({ name: "ping", link: [link] });
      const answer = await send("/v1/workflows", { method: "POST", body });
      await answer.body?.cancel();
      statuses.push(answer.status);
    }
  }
  assertEquals(statuses, [202, 202, 403, 403]);
});

Deno.test("a limited key that submits with the id of another task does not get its result", async () => {
  const { fixture, send } = await fixtureFor({ scopes: ["tasks:*"], tasks: ["text.*"] });
  await using _fixture = fixture;
  fixture.records.put({
    id: "theirs",
    name: "ping",
    queue: "celeriac.default",
    state: "SUCCESS",
    result: '"SECRET"',
  });
  const body = JSON.stringify({ kwargs: { text: "a" }, options: { task_id: "theirs" } });
  const answer = await send("/v1/tasks/text.shout?wait=3", { method: "POST", body });
  const text = await answer.text();
  assertEquals([answer.status, text.includes("SECRET")], [202, false]);
});

Deno.test("a record of another task does not exist for a limited key, also from the cache", async () => {
  const limited = testKey({ scopes: ["tasks:*"], tasks: ["text.*"] });
  const full = testKey();
  await using fixture = await keyedFixture([limited, full]);
  const done = { state: "SUCCESS" as const, result: "1", queue: "celeriac.default" };
  fixture.records.put({ id: "mine", name: "text.shout", ...done });
  fixture.records.put({ id: "other", name: "ping", ...done });
  const status = async (path: string, token: string, method = "GET") => {
    const answer = await fixture.app.request(path, { method, headers: bearer(token) });
    await answer.body?.cancel();
    return answer.status;
  };
  assertEquals(await status("/v1/tasks/other", full.token), 200);
  assertEquals(await status("/v1/tasks/other", limited.token), 404);
  assertEquals(await status("/v1/tasks/mine", limited.token), 200);
  assertEquals(await status("/v1/tasks/other/events", limited.token), 404);
  assertEquals(await status("/v1/tasks/other", limited.token, "DELETE"), 404);
  assertEquals(await status("/v1/tasks/unknown?unrecorded=true", limited.token, "DELETE"), 404);
  const list = await fixture.app.request("/v1/tasks", { headers: bearer(limited.token) });
  assertEquals((await list.json()).tasks.map(({ id }: { id: string }) => id), ["mine"]);
});

Deno.test("without tasks:read-data, no response contains data of a task", async () => {
  const { fixture, send } = await fixtureFor({ scopes: ["tasks:submit", "tasks:read"] });
  await using _fixture = fixture;
  const record = {
    id: "a",
    name: "add",
    queue: "celeriac.default",
    argsRepr: "('SECRET',)",
    kwargsRepr: "{'x': 'SECRET'}",
    result: '"SECRET"',
    traceback: "SECRET",
    exception: { exc_type: "SECRET", exc_message: ["SECRET"], exc_module: "SECRET" },
    meta: { uncaught: [{ error: "SECRET", traceback: "SECRET", late: false }] },
  };
  for (const state of ["SUCCESS", "FAILURE"] as const) {
    fixture.records.put({ ...record, state });
    for (
      const path of ["/v1/tasks/a", "/v1/tasks?results=true", "/v1/tasks", "/v1/tasks/a/events"]
    ) {
      const text = await (await send(path)).text();
      assert(text.includes(state) && text.includes('"redacted":true'), `${path}: ${text}`);
      assert(!text.includes("SECRET"), `${path}: ${text}`);
    }
  }
});

Deno.test("waiting for a result requires tasks:read", async () => {
  const { fixture, send } = await fixtureFor({ scopes: ["tasks:submit"] });
  await using _fixture = fixture;
  for (const path of ["/v1/tasks/ping?wait=1", "/v1/workflows?wait=1"]) {
    const answer = await send(path, { method: "POST", body: "{}" });
    const { errors } = await answer.json();
    assertEquals([answer.status, errors[0].field], [422, "wait"]);
  }
  assertEquals(await fixture.published(), []);
});

Deno.test("two keys with the same Idempotency-Key get their own tasks", async () => {
  const keys = [testKey(), testKey()];
  await using fixture = await keyedFixture(keys);
  const ids = [];
  for (const { token } of [...keys, ...keys]) {
    const headers = { ...bearer(token), "idempotency-key": "order-7" };
    const answer = await fixture.post("/v1/tasks/ping", {}, headers);
    ids.push((await answer.json()).id);
  }
  assertEquals([ids[0] === ids[2], ids[1] === ids[3], ids[0] === ids[1]], [true, true, false]);
});

Deno.test("records name the key that submitted their task, and nobody can set another", async () => {
  const { fixture, key, send } = await fixtureFor({ scopes: ["tasks:*"] });
  await using _fixture = fixture;
  const post = async (path: string, body: unknown) => {
    const answer = await send(path, { method: "POST", body: JSON.stringify(body) });
    return await answer.json();
  };
  const ids: string[] = [
    (await post("/v1/tasks/ping", {})).id,
    (await post("/v1/tasks:batch", [{ name: "ping" }]))[0].id,
    ...(await post("/v1/workflows", { group: [{ name: "ping" }, { name: "ping" }] })).tasks.map(
      ({ id }: { id: string }) => id,
    ),
  ];
  assertEquals(ids.length, 4);
  for (const id of ids) {
    const record = await (await send(`/v1/tasks/${id}`)).json();
    assertEquals(record.submitted_by, `key:${key.id}`, id);
  }
  const headers = { "celeriac-submitted-by": "key:other" };
  const { errors } = await post("/v1/tasks/ping", { options: { headers } });
  assertEquals(errors[0].field, "options.headers.celeriac-submitted-by");
  const { id } = await (await fixture.post("/v1/tasks/ping", {}, bearer(ROOT_TOKEN))).json();
  assertEquals((await (await send(`/v1/tasks/${id}`)).json()).submitted_by, null);
});

Deno.test("a limited key redrives and purges only by a filter that names its tasks", async () => {
  const { fixture, send } = await fixtureFor({ scopes: ["dead-letters:*"], tasks: ["text.*"] });
  await using _fixture = fixture;
  const cases: [filter: object, status: number][] = [
    [{}, 403],
    [{ task: "ping" }, 403],
    // Allowed: the database of these tests is away.
    [{ task: "text.shout" }, 503],
  ];
  for (const verb of ["redrive", "purge"]) {
    for (const [filter, status] of cases) {
      const answer = await send(`/v1/dead-letters:${verb}`, {
        method: "POST",
        body: JSON.stringify({ filter, dry_run: true }),
      });
      await answer.body?.cancel();
      assertEquals(answer.status, status, `${verb} ${JSON.stringify(filter)}`);
    }
  }
});
