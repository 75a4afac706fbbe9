import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createFixture } from "./fixture.ts";
import { idOf, MemoryPauses } from "./memory_pauses.ts";
import { bearer, keyedFixture, testKey } from "./access/keys.ts";

async function createPauses() {
  const pauses = new MemoryPauses();
  const fixture = await createFixture({}, { pauses });
  const send = async (method: string, path: string, body?: unknown) => {
    const answer = await fixture.app.request(path, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      }),
    });
    return { status: answer.status, body: await answer.json() };
  };
  return { pauses, fixture, send, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() };
}

Deno.test("PUT and DELETE pause and resume a queue and a task, with audit entries", async () => {
  await using api = await createPauses();
  const { pauses, fixture, send } = api;
  const queue = await send("PUT", "/v1/queues/celeriac.text/pause", { reason: "full disk" });
  const { paused_at, ...rest } = queue.body;
  assert(Date.parse(paused_at) > 0);
  assertEquals(rest, {
    scope: "queue",
    name: "celeriac.text",
    state: "paused",
    reason: "full disk",
    paused_by: "open",
    resumed_at: null,
    rate: null,
    parked: 3,
    parked_bytes: 30,
  });
  assertEquals((await send("PUT", "/v1/tasks/text.shout/pause")).body.reason, null);
  assertEquals((await send("PUT", "/v1/queues/celery/pause")).status, 200); // a foreign queue
  assertEquals((await send("GET", "/v1/pauses")).body.pauses.length, 3);
  const resumed = await send("DELETE", "/v1/tasks/text.shout/pause?rate=2.5");
  assertEquals([resumed.body.state, resumed.body.rate, pauses.resumes], ["resuming", 2.5, 1]);
  assertEquals((await send("DELETE", "/v1/queues/celeriac.text/pause")).body.rate, null);

  const entries = fixture.audit.entries.map(({ action, method, target, filter, status }) => [
    action,
    method,
    target,
    filter,
    status,
  ]);
  assertEquals(entries[0], [
    "queues:pause",
    "PUT",
    "queue:celeriac.text",
    { reason: "full disk" },
    200,
  ]);
  assertEquals(entries[3], ["queues:pause", "DELETE", "task:text.shout", { rate: 2.5 }, 200]);
});

Deno.test("a pause of an unknown name, and a resume without a pause, are refused", async () => {
  await using api = await createPauses();
  const { pauses, fixture, send } = api;
  const cases: [method: string, path: string, body: unknown, status: number, text: string][] = [
    ["PUT", "/v1/queues/celeriac.txt/pause", {}, 404, "did you mean 'celeriac.text'?"],
    ["PUT", "/v1/tasks/text.shut/pause", {}, 404, "did you mean 'text.shout'?"],
    ["PUT", "/v1/tasks/add/pause", { reson: "x" }, 422, "did you mean 'reason'?"],
    ["PUT", "/v1/tasks/add/pause", { reason: "" }, 422, "reason"],
    ["PUT", "/v1/tasks/add/pause?rate=1", {}, 422, "rate"],
    ["DELETE", "/v1/tasks/add/pause", undefined, 404, "it is not paused"],
    ["DELETE", "/v1/tasks/add/pause?rate=0", undefined, 422, "rate"],
    ["DELETE", "/v1/tasks/add/pause?rate=", undefined, 422, "rate"],
  ];
  for (const [method, path, body, status, text] of cases) {
    const answer = await send(method, path, body);
    assertEquals(answer.status, status, path);
    assertStringIncludes(answer.body.detail, text);
  }
  assertEquals([pauses.all.size, fixture.audit.entries.length], [0, 0]);
});

Deno.test("a key pauses and sees only what its patterns match; a queue needs all tasks", async () => {
  const pauses = new MemoryPauses();
  const scopes = ["queues:pause", "tasks:read"];
  const one = testKey({ scopes, tasks: ["text.*"], queues: ["*"] });
  const all = testKey({ scopes, tasks: ["*"], queues: ["celeriac.text"] });
  await using fixture = await keyedFixture([one, all], { pauses });
  const put = async ({ token }: { token: string }, path: string) => {
    const { status } = await fixture.app.request(path, { method: "PUT", headers: bearer(token) });
    return status;
  };
  const list = async ({ token }: { token: string }) => {
    const answer = await fixture.app.request("/v1/pauses", { headers: bearer(token) });
    return (await answer.json()).pauses.map(idOf);
  };
  assertEquals(await put(one, "/v1/tasks/text.shout/pause"), 200);
  assertEquals(await put(one, "/v1/tasks/add/pause"), 403);
  assertEquals(await put(one, "/v1/queues/celeriac.text/pause"), 403);
  assertEquals(await put(all, "/v1/queues/celeriac.text/pause"), 200);
  assertEquals(await put(all, "/v1/queues/celeriac.default/pause"), 403);
  assertEquals(await put(all, "/v1/tasks/add/pause"), 403);
  assertEquals(await list(one), ["task:text.shout"]);
  assertEquals(await list(all), ["task:text.shout", "queue:celeriac.text"]);
  assertEquals([...pauses.all.values()][0]?.pausedBy, `key:${one.key.id}`);
});
