import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createFixture, type Fixture } from "../fixture.ts";
import { keyedFixture, type TestKey, testKey } from "../access/keys.ts";
import { MemoryBulk } from "../memory_bulk.ts";

function browserOf(fixture: Fixture, key?: TestKey) {
  const headers = { accept: "text/html", ...(key && { cookie: `celeriac=${key.token}` }) };
  return {
    text: async (path: string) => await (await fixture.app.request(path, { headers })).text(),
    post: async (path: string, fields: Record<string, string>) => {
      const answer = await fixture.app.request(path, {
        method: "POST",
        body: new URLSearchParams(fields),
        headers: { ...headers, "sec-fetch-site": "same-origin" },
      });
      const location = answer.headers.get("location");
      return { status: answer.status, location, text: await answer.text() };
    },
  };
}

/** Action and hidden fields of the confirmation. */
function confirmation(page: string) {
  const [, path = "", form = ""] =
    /<form method="post" action="(\/tasks:\w+)">(.*?)<\/form>/s.exec(page) ?? [];
  const fields = [...form.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)]
    .map(([, name, value]) => [name!, value!.replaceAll("&quot;", '"')] as const);
  return { path, fields: Object.fromEntries(fields) };
}

Deno.test("selected tasks are counted, confirmed and changed by a job", async () => {
  const bulk = new MemoryBulk();
  await using fixture = await createFixture({}, { bulk });
  for (const id of ["a", "b", "c"]) fixture.records.put({ id, name: "ping", state: "FAILURE" });
  const { text, post } = browserOf(fixture);
  const list = await text("/tasks?q=state:failure");
  assertStringIncludes(list, 'form="bulk" name="task.a"');
  const fields = { q: "state:failure", action: "retry", scope: "selected" };
  const preview = await post("/tasks:bulk", { ...fields, "task.a": "1", "task.c": "1" });
  assertEquals(preview.status, 200);
  assertStringIncludes(preview.text, "2 tasks match.");
  assertStringIncludes(preview.text, "<code>a, c</code>");
  assertStringIncludes(preview.text, "failed: 2");
  assertEquals([bulk.all.size, fixture.audit.entries], [0, []]);
  const { path, fields: confirmed } = confirmation(preview.text);
  assertEquals(path, "/tasks:retry");
  const { status, location } = await post(path, confirmed);
  assertEquals(status, 303);
  const [job] = bulk.all.values();
  assertEquals(location, `/jobs/${job!.id}`);
  // A form that is sent twice starts one job.
  assertEquals([(await post(path, confirmed)).location, bulk.all.size], [location, 1]);
  assertEquals([job!.action, job!.filter, job!.matched], ["retry", { ids: ["a", "c"] }, 2]);
  assertEquals(job!.frozenAt.toISOString(), confirmed["until"]);
  const page = await text(location!);
  assertStringIncludes(page, "0 of 2");
  assertStringIncludes(page, 'hx-trigger="every 2s"');
  assertStringIncludes(await text("/jobs"), `href="/jobs/${job!.id}"`);
  assertEquals((await post(`/jobs/${job!.id}/stop`, {})).status, 303);
  const stopped = await text(location!);
  assertStringIncludes(stopped, "stopped");
  assert(!stopped.includes("hx-trigger"));
});

Deno.test("all tasks that match the filter are changed, and terminated if that was chosen", async () => {
  const bulk = new MemoryBulk();
  await using fixture = await createFixture({}, { bulk });
  fixture.records.put({ id: "a", name: "ping", state: "STARTED" });
  fixture.records.put({ id: "b", name: "ping", state: "SUCCESS" });
  const { post } = browserOf(fixture);
  const fields = { q: "state:started", action: "terminate", scope: "matching", "task.b": "1" };
  const preview = await post("/tasks:bulk", fields);
  assertStringIncludes(preview.text, "1 task matches.");
  assertStringIncludes(preview.text, "Running attempts stop at once");
  const { path, fields: confirmed } = confirmation(preview.text);
  await post(path, confirmed);
  const [job] = bulk.all.values();
  assertEquals([job!.action, job!.terminate, job!.filter], ["revoke", true, {
    q: "state:started",
  }]);
});

Deno.test("a bulk form without a selection, with an invalid filter, or without a match changes nothing", async () => {
  const bulk = new MemoryBulk();
  await using fixture = await createFixture({}, { bulk });
  const { post } = browserOf(fixture);
  const none = await post("/tasks:bulk", { action: "cancel", scope: "selected" });
  assertEquals(none.status, 422);
  assertStringIncludes(none.text, "no task is selected");
  const wrong = await post("/tasks:bulk", { action: "cancel", scope: "matching", q: "stat:x" });
  assertStringIncludes(wrong.text, "did you mean &#39;state&#39;?");
  const empty = await post("/tasks:bulk", { action: "cancel", scope: "matching", q: "name:x" });
  assertStringIncludes(empty.text, "No task matches.");
  assert(!empty.text.includes('action="/tasks:revoke"'));
  assertEquals(bulk.all.size, 0);
});

Deno.test("the actions on many tasks are those that the key allows", async () => {
  const reader = testKey({ scopes: ["tasks:read"] });
  const retrier = testKey({ scopes: ["tasks:read", "tasks:retry"] });
  await using fixture = await keyedFixture([reader, retrier], { bulk: new MemoryBulk() });
  fixture.records.put({ id: "a", name: "ping", state: "FAILURE" });
  const none = await browserOf(fixture, reader).text("/tasks");
  assert(!none.includes('type="checkbox"') && !none.includes("/tasks:bulk"));
  const some = await browserOf(fixture, retrier).text("/tasks");
  const options = [...some.matchAll(/<option value="(cancel|terminate|retry|rerun)"/g)];
  assertEquals(options.map(([, choice]) => choice), ["retry"]);
  const refused = await browserOf(fixture, retrier).post("/tasks:revoke", {});
  assertEquals(refused.status, 403);
});

Deno.test("the page of a job hides reasons from a key that may not read data", async () => {
  const bulk = new MemoryBulk();
  const reader = testKey({ scopes: ["tasks:read"] });
  await using fixture = await keyedFixture([reader], { bulk });
  const caller = { id: "root", name: "<op>", rights: {} } as never;
  const job = {
    id: "0192f3c4-7a31-7cc0-8000-000000000001",
    action: "rerun",
    terminate: false,
  } as const;
  await bulk.store.add({ ...job, filter: {}, frozenAt: new Date(), matched: null, caller });
  const stored = (await bulk.store.find(job.id))!;
  await bulk.store.advance(stored, {
    next: null,
    done: 1,
    refusals: [{ id: "a", reason: "secret" }],
  });
  const page = await browserOf(fixture, reader).text(`/jobs/${job.id}`);
  assert(!page.includes("secret"));
  assertStringIncludes(page, "&lt;op&gt;");
  assertStringIncludes(page, 'href="/tasks/a"');
});
