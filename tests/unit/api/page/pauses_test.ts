import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createFixture, type Fixture } from "../fixture.ts";
import { MemoryPauses } from "../memory_pauses.ts";
import { bearer, keyedFixture, testKey } from "../access/keys.ts";

const get = async (fixture: Fixture, path: string, headers: Record<string, string> = {}) =>
  await (await fixture.app.request(path, { headers: { accept: "text/html", ...headers } })).text();

const post = async (fixture: Fixture, path: string, fields: Record<string, string> = {}) => {
  const answer = await fixture.app.request(path, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { accept: "text/html", "sec-fetch-site": "same-origin" },
  });
  await answer.body?.cancel();
  return [answer.status, answer.headers.get("location")];
};

Deno.test("the page of pauses pauses and resumes a queue and a task, with the reason shown", async () => {
  const pauses = new MemoryPauses();
  await using fixture = await createFixture({}, { pauses });
  const empty = await get(fixture, "/pauses");
  assertStringIncludes(empty, "Nothing is paused.");
  assertStringIncludes(empty, '<option value="queue:celeriac.text">');
  const fields = { target: "queue:celeriac.text", reason: "full <disk>" };
  assertEquals(await post(fixture, "/pauses", fields), [303, "/pauses?done=paused"]);
  assertEquals(await post(fixture, "/pauses", { target: "task:add" }), [
    303,
    "/pauses?done=paused",
  ]);
  const page = await get(fixture, "/pauses?done=paused");
  assertStringIncludes(page, "full &lt;disk&gt;");
  assertStringIncludes(page, 'action="/pauses/queue/celeriac.text/resume"');
  assertStringIncludes(page, "It is paused.");
  assertStringIncludes(await get(fixture, "/queues"), "Paused: full &lt;disk&gt;");
  assertEquals(await post(fixture, "/pauses/task/add/resume"), [303, "/pauses?done=resumed"]);
  assertEquals(pauses.resumes, 1);
  assertEquals(
    fixture.audit.entries.map(({ action, target }) => [action, target]),
    [["queues:pause", "queue:celeriac.text"], ["queues:pause", "task:add"], [
      "queues:pause",
      "task:add",
    ]],
  );
});

Deno.test("the row of a queue pauses it, and resumes it at a rate", async () => {
  const pauses = new MemoryPauses();
  await using fixture = await createFixture({}, { pauses });
  const page = await get(fixture, "/queues");
  assertStringIncludes(page, 'name="target" value="queue:celeriac.text"');
  const fields = { target: "queue:celeriac.text", reason: "full", from: "queues" };
  assertEquals(await post(fixture, "/pauses", fields), [303, "/queues?done=paused"]);
  const paused = await get(fixture, "/queues?done=paused");
  assertStringIncludes(paused, "It is paused.");
  assertStringIncludes(paused, 'action="/pauses/queue/celeriac.text/resume"');
  assert(!paused.includes('value="queue:celeriac.text"'));
  const resume = (rate: string) =>
    post(fixture, "/pauses/queue/celeriac.text/resume", { rate, from: "queues" });
  for (const rate of ["0", "-1", "many", "1000001"]) {
    assertEquals((await resume(rate))[0], 422, rate);
  }
  assertEquals(pauses.resumes, 0);
  assertEquals(await resume("2.5"), [303, "/queues?done=resumed"]);
  assertEquals(await resume(""), [303, "/queues?done=resumed"]);
  const filters = fixture.audit.entries.map(({ filter }) => filter);
  assertEquals(filters, [{ reason: "full" }, { rate: 2.5 }, { rate: null }]);
});

Deno.test("a key without queues:pause, or limited to some tasks, has no button on a queue", async () => {
  const reader = testKey({ scopes: ["tasks:read", "workers:read"] });
  const limited = testKey({ tasks: ["add"] });
  await using fixture = await keyedFixture([reader, limited], { pauses: new MemoryPauses() });
  for (const { token } of [reader, limited]) {
    assert(!(await get(fixture, "/queues", bearer(token))).includes('name="target"'));
  }
});

Deno.test("the page of pauses refuses unknown names, and pauses nothing", async () => {
  const pauses = new MemoryPauses();
  await using fixture = await createFixture({}, { pauses });
  for (const target of ["queue:unknown", "task:unknown", "add", "worker:w1"]) {
    const [status] = await post(fixture, "/pauses", { target });
    assert(status === 404 || status === 422, `${target}: ${status}`);
  }
  assertEquals((await post(fixture, "/pauses/worker/w1/resume"))[0], 422);
  assertEquals((await post(fixture, "/pauses/task/add/resume"))[0], 404);
  assertEquals([pauses.all.size, fixture.audit.entries.length], [0, 0]);
});

Deno.test("a key without queues:pause sees pauses and no form; a limited one only its own tasks", async () => {
  const pauses = new MemoryPauses();
  await pauses.store.pause({ scope: "queue", name: "celeriac.text" }, { reason: null, by: "root" });
  const reader = testKey({ scopes: ["tasks:read"] });
  const limited = testKey({ scopes: ["tasks:read", "queues:pause"], tasks: ["add"] });
  await using fixture = await keyedFixture([reader, limited], { pauses });
  const read = await get(fixture, "/pauses", bearer(reader.token));
  assertStringIncludes(read, "celeriac.text");
  assert(!read.includes("/resume") && !read.includes("<optgroup"));
  const own = await get(fixture, "/pauses", bearer(limited.token));
  assertEquals([...own.matchAll(/<option value="((?:queue|task):[^"]*)"/g)].map(([, one]) => one), [
    "task:add",
  ]);
  assert(!own.includes("celeriac.text"));
});
