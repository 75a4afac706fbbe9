import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createFixture, type Fixture } from "../fixture.ts";
import { keyedFixture, type TestKey, testKey } from "../access/keys.ts";
import { encodeEvents } from "../../../../shared/celery/event.ts";
import { decodeTask } from "../../../../shared/celery/decode.ts";
import { group, signature } from "../../../../shared/mod.ts";
import type { TaskRecord } from "../../../../shared/results/result.ts";

const HTML = { accept: "text/html" };

/** Requests of the browser of a key's owner. */
function browserOf(fixture: Fixture, key?: TestKey) {
  const headers = { ...HTML, ...(key && { cookie: `celeriac=${key.token}` }) };
  return {
    text: async (path: string) => await (await fixture.app.request(path, { headers })).text(),
    post: (path: string, fields: Record<string, string> = {}) =>
      fixture.app.request(path, {
        method: "POST",
        body: new URLSearchParams(fields),
        headers: { ...headers, "sec-fetch-site": "same-origin" },
      }),
  };
}

const SUBMITTED = new Date("2026-11-30T09:00:00Z");

/** A failed task with every field that the page shows. */
const FAILED: Partial<TaskRecord> & { id: string } = {
  id: "b",
  name: "add",
  state: "FAILURE",
  queue: "celeriac.default",
  worker: "w1@host",
  argsRepr: "()",
  kwargsRepr: "{'x': 12345678901234567890, 'y': 'secret<b>'}",
  exception: { exc_type: "RangeError", exc_message: ["too large"], exc_module: "celeriac" },
  traceback: "RangeError: too large\n    at add (file:///app/add.ts:3:9)",
  labels: { order: "7", tags: ["a b"] },
  submittedBy: "key:abc",
  children: [[["child", null], null]],
  history: [{
    attempt: 1,
    worker: "w0@host",
    startedAt: new Date("2026-11-30T09:00:01Z"),
    finishedAt: new Date("2026-11-30T09:00:02Z"),
    error: { type: "TypeError", message: "first try" },
  }],
  retries: 1,
  submittedAt: SUBMITTED,
  startedAt: new Date("2026-11-30T09:00:03Z"),
  finishedAt: new Date("2026-11-30T09:00:05Z"),
};

Deno.test("the list shows a command while there are no tasks", async () => {
  await using fixture = await createFixture();
  const { text } = browserOf(fixture);
  const page = await text("/tasks");
  assertStringIncludes(page, "No tasks yet.");
  assertStringIncludes(page, "curl -X POST");
  assertStringIncludes(page, "/v1/tasks/add");
});

Deno.test("the list applies the filter of its URL and keeps it in its links", async () => {
  await using fixture = await createFixture();
  for (let index = 0; index < 60; index++) {
    fixture.records.put({ id: `fail-${index}`, name: "add", state: "FAILURE" });
    fixture.records.put({ id: `good-${index}`, name: "ping", state: "SUCCESS" });
  }
  const { text } = browserOf(fixture);
  const page = await text("/tasks?q=state:failure");
  const rows = (html: string) => [...html.matchAll(/<tr data-row/g)].length;
  assertEquals(rows(page), 50);
  assert(!page.includes("good-"));
  assertStringIncludes(page, 'value="state:failure"');
  const [, next = ""] = /rel="next" href="([^"]*)"/.exec(page.replaceAll("&amp;", "&")) ?? [];
  assert(next.startsWith("/tasks?q=state%3Afailure&cursor="), next);
  assertEquals(rows(await text(next)), 10);
  const both = await text("/tasks?q=state:failure,success+-name:ping");
  // Whole pages of the store, until there are 50.
  assertEquals(rows(both), 50);
  const none = await text("/tasks?q=name:nothing");
  assertStringIncludes(none, "No task matches these conditions.");
});

Deno.test("the list reports mistakes in the filter", async () => {
  await using fixture = await createFixture();
  const page = await browserOf(fixture).text("/tasks?q=stat:failure+state:%3Cb%3E");
  assertStringIncludes(page, "Unknown condition &#39;stat&#39;: did you mean &#39;state&#39;?");
  assertStringIncludes(page, "Unknown state &#39;&lt;b&gt;&#39;");
});

Deno.test("a search for rare tasks says how far it went", async () => {
  await using fixture = await createFixture();
  for (let index = 0; index < 1100; index++) fixture.records.put({ id: `${index}`, name: "ping" });
  const page = await browserOf(fixture).text("/tasks?q=name:x*");
  assertStringIncludes(page, "Searched 1000 records");
  assertStringIncludes(page, 'rel="next"');
});

Deno.test("the list shows a limited key its own tasks only", async () => {
  const key = testKey({ scopes: ["tasks:read"], tasks: ["text.*"] });
  await using fixture = await keyedFixture([key]);
  fixture.records.put({ id: "a", name: "ping", queue: "q" });
  fixture.records.put({ id: "b", name: "text.shout", queue: "q" });
  const { text } = browserOf(fixture, key);
  const page = await text("/tasks");
  assert(page.includes("text.shout") && !page.includes(">ping<"));
  assertStringIncludes(await text("/tasks/a"), "Cannot find a record");
});

Deno.test("the page of a task shows its timeline, data and children", async () => {
  await using fixture = await createFixture();
  fixture.records.put(FAILED);
  const page = await browserOf(fixture).text("/tasks/b");
  const order = [
    "Submitted",
    "by key:abc",
    "Attempt 1 started",
    "Attempt 1 failed",
    "TypeError: first try",
    "Attempt 2 started",
    "Finished: failed",
  ];
  let at = page.indexOf('class="timeline"');
  for (const text of order) {
    const found = page.indexOf(text, at);
    assert(found > at, text);
    at = found;
  }
  assertStringIncludes(
    page,
    "&quot;x&quot;: 12345678901234567890,\n  &quot;y&quot;: &quot;secret&lt;b&gt;&quot;",
  );
  assertStringIncludes(page, "too large");
  assertStringIncludes(page, 'href="/tasks/child"');
  assertStringIncludes(page, 'href="/tasks?q=label.order%3A7"');
  assertStringIncludes(page, 'href="/tasks?q=label.tags%3A%22a+b%22"');
});

Deno.test("the page of a task hides data from a key that may not read it", async () => {
  const key = testKey({ scopes: ["tasks:read"] });
  await using fixture = await keyedFixture([key]);
  fixture.records.put(FAILED);
  const page = await browserOf(fixture, key).text("/tasks/b");
  for (const data of ["secret", "too large", "first try", "RangeError"]) {
    assert(!page.includes(data), data);
  }
  assertStringIncludes(page, "tasks:read-data");
  assert(!page.includes('<form method="post" action="/tasks/'));
});

Deno.test("a page follows its task until the end", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", name: "ping", state: "STARTED", startedAt: SUBMITTED });
  const { text } = browserOf(fixture);
  const page = await text("/tasks/a");
  assertStringIncludes(page, 'hx-sse:connect="/tasks/a/changes"');
  // An error page would replace a part by nothing, and a refused stream would stay closed.
  assertStringIncludes(page, "&quot;noSwap&quot;:[204,304,&quot;4xx&quot;,&quot;5xx&quot;]");
  assertStringIncludes(page, 'hx-trigger="load, again"');
  const stream = await fixture.app.request("/tasks/a/changes");
  assertEquals(stream.headers.get("content-type"), "text/event-stream");
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  assertEquals((await reader.read()).value, "event: changed\ndata:\n\n");
  fixture.records.put({ id: "a", name: "ping", state: "SUCCESS" });
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    rest += value;
  }
  assertEquals(rest, "event: changed\ndata:\n\nevent: ended\ndata:\n\n");
  assert(!(await text("/tasks/a")).includes("hx-sse:connect"));
});

Deno.test("an unknown task has no stream of changes", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.app.request("/tasks/unknown/changes");
  assertEquals(answer.status, 404);
  await answer.body?.cancel();
});

Deno.test("the actions are those that rights and state allow", async () => {
  const all = testKey();
  const reader = testKey({ scopes: ["tasks:read", "tasks:read-data"] });
  await using fixture = await keyedFixture([all, reader]);
  const input = { name: "ping", input: '{"args":[],"kwargs":{}}', queue: "celeriac.default" };
  const cases: [changes: Partial<TaskRecord>, actions: string[]][] = [
    [{ state: "PENDING" }, ["cancel"]],
    [{ state: "STARTED" }, ["terminate"]],
    [{ state: "RETRY" }, ["cancel"]],
    [{ state: "SUCCESS" }, ["rerun"]],
    [{ state: "FAILURE" }, ["retry", "rerun"]],
    [{ state: "FAILURE", input: '{"omitted":"too-large","bytes":70000}' }, ["retry"]],
    [{ state: "REVOKED" }, ["rerun"]],
  ];
  for (const [changes, actions] of cases) {
    fixture.records.put({ id: "a", ...input, ...changes });
    const page = await browserOf(fixture, all).text("/tasks/a");
    const found = [...page.matchAll(/action="\/tasks\/a\/(\w+)"/g)].map(([, action]) => action);
    assertEquals(found, actions, JSON.stringify(changes));
    const other = await browserOf(fixture, reader).text("/tasks/a");
    assert(!other.includes('action="/tasks/a/'));
  }
});

Deno.test("a running task is terminated by a broadcast to the workers", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", name: "ping", state: "STARTED" });
  const { post, text } = browserOf(fixture);
  const refused = await post("/tasks/a/cancel");
  assertEquals(refused.status, 409);
  assertStringIncludes(await refused.text(), "already STARTED");
  const answer = await post("/tasks/a/terminate");
  assertEquals(answer.headers.get("location"), "/tasks/a?done=terminating");
  assertStringIncludes(await text("/tasks/a?done=terminating"), "The worker terminates the task.");
  assert(!(await text("/tasks/a?done=toString")).includes('class="notice"'));
});

Deno.test("Run again submits a new task with the same arguments", async () => {
  await using fixture = await createFixture();
  fixture.records.put({
    id: "a",
    name: "text.shout",
    state: "FAILURE",
    queue: "celeriac.text",
    labels: { order: "7" },
    input: '{"args":["hi"],"kwargs":{"times":2}}',
  });
  const answer = await browserOf(fixture).post("/tasks/a/rerun");
  const [, id = ""] = /^\/tasks\/([\w-]+)\?done=rerun$/.exec(answer.headers.get("location")!) ?? [];
  const [message] = await fixture.published("celeriac.text");
  assertEquals(message!.headers["id"], id);
  assert(id !== "a");
  const [args, kwargs] = JSON.parse(new TextDecoder().decode(message!.body));
  assertEquals([args, kwargs], [["hi"], { times: 2 }]);
  assertEquals(decodeTask(message!).stamps, { order: "7", rerun_of: "a" });
  assertEquals(fixture.audit.entries.map(({ action, target }) => [action, target]), [
    ["tasks:submit", "a"],
  ]);
});

Deno.test("Run again submits one task, however often its button is pressed", async () => {
  await using fixture = await createFixture();
  const { text, post } = browserOf(fixture);
  fixture.records.put({
    id: "a",
    name: "ping",
    state: "FAILURE",
    input: '{"args":[],"kwargs":{}}',
  });
  const keyOf = async () => / name="key" value="([^"]+)"/.exec(await text("/tasks/a"))![1]!;
  const key = await keyOf();
  const answers = await Promise.all(["", "", ""].map(() => post("/tasks/a/rerun", { key })));
  const later = await post("/tasks/a/rerun", { key });
  const places = new Set([...answers, later].map(({ headers }) => headers.get("location")));
  assertEquals(places.size, 1);
  assertEquals((await fixture.published()).length, 1);
  const other = await post("/tasks/a/rerun", { key: await keyOf() });
  assert(!places.has(other.headers.get("location")));
});

Deno.test("the page of a task says why it cannot run again", async () => {
  await using fixture = await createFixture();
  const cases: [input: string | undefined, words: string][] = [
    [undefined, "keepInput of its contract keeps no input"],
    ['{"omitted":"too-large","bytes":70000}', "its input is too large"],
    ['{"omitted":"not-json"}', "a value that JSON lacks"],
    ['{"args":[],"kwargs":{},"redacted":["kwargs.x"]}', "redacts a part of the input"],
  ];
  for (const [input, words] of cases) {
    const given = input === undefined ? {} : { input };
    fixture.records.put({ id: "a", name: "add", state: "FAILURE", ...given });
    const page = await browserOf(fixture).text("/tasks/a");
    assertStringIncludes(page, words);
    assertEquals(page.includes("/try/add?from=a"), input?.includes("redacted") ?? false);
    fixture.records.records.clear();
  }
});

Deno.test("the page of a task shows the whole kept input, with exact integers", async () => {
  await using fixture = await createFixture();
  const text = "x".repeat(3000);
  const input = `{"args":[],"kwargs":{"x":12345678901234567890,"text":"${text}"}}`;
  fixture.records.put({ id: "a", name: "add", state: "FAILURE", kwargsRepr: "{'x...", input });
  const page = await browserOf(fixture).text("/tasks/a");
  assertStringIncludes(page, "&quot;x&quot;: 12345678901234567890");
  assertStringIncludes(page, text);
  assert(!page.includes("only the beginning"));
});

Deno.test("Run again refuses an input that was not kept, and other tasks of a limited key", async () => {
  const key = testKey({ scopes: ["tasks:*"], tasks: ["text.*"] });
  await using fixture = await keyedFixture([key]);
  fixture.records.put({
    id: "cut",
    name: "text.shout",
    state: "FAILURE",
    queue: "celeriac.text",
    input: '{"omitted":"too-large","bytes":70000}',
  });
  fixture.records.put({
    id: "other",
    name: "ping",
    state: "FAILURE",
    input: '{"args":[],"kwargs":{}}',
  });
  const { post } = browserOf(fixture, key);
  const statuses = [];
  for (const id of ["cut", "other"]) {
    const answer = await post(`/tasks/${id}/rerun`);
    await answer.body?.cancel();
    statuses.push(answer.status);
  }
  assertEquals(statuses, [409, 404]);
  assertEquals(await fixture.published("celeriac.text"), []);
});

Deno.test("Retry sends a failed task again, and says why it cannot", async () => {
  await using fixture = await createFixture({}, {
    deadLetters: {
      list: () => Promise.resolve({ letters: [], next: null }),
      find: () => Promise.resolve(undefined),
      count: () => Promise.resolve(0),
      purge: () => Promise.resolve(0),
      redrive: () => Promise.resolve({ redriven: 0, waiting: 0, lastDueAt: null }),
    },
    failedTasks: {
      send: (tasks) => Promise.resolve(new Set(tasks.map((one) => one.options.taskId))),
    },
  });
  const record = { id: "a", name: "ping", queue: "celeriac.default", state: "FAILURE" } as const;
  fixture.records.put({ ...record, input: '{"args":[],"kwargs":{}}' });
  const { post } = browserOf(fixture);
  assertEquals((await post("/tasks/a/retry")).headers.get("location"), "/tasks/a?done=retried");
  fixture.records.records.clear();
  fixture.records.put(record);
  const refused = await post("/tasks/a/retry");
  assertEquals(refused.status, 409);
  assertStringIncludes(await refused.text(), "keeps no input, as keepInput of its contract says");
  assertEquals(fixture.audit.entries.map(({ target, status }) => [target, status]), [
    ["a", 303],
    ["a", 409],
  ]);
});

Deno.test("the list says how many tasks are new, and which filter they match", async () => {
  await using fixture = await createFixture();
  const { text } = browserOf(fixture);
  const page = await text("/tasks?q=name:ping");
  const [, path = ""] = /hx-get="([^"]*)"/.exec(page.replaceAll("&amp;", "&")) ?? [];
  assert(path.startsWith("/new-tasks?q=name%3Aping&after="), path);
  assertEquals(await text(path), "");
  fixture.records.put({ id: "a", name: "ping" });
  fixture.records.put({ id: "b", name: "add" });
  assertStringIncludes(await text(path), '<a href="/tasks?q=name%3Aping">1 new: show</a>');
  assertStringIncludes(await text("/new-tasks?after=yesterday"), "expected the time of the list");
  // Rows move between older pages.
  assert(!(await text("/tasks?cursor=0")).includes("/new-tasks"));
});

Deno.test("a list with a hundred new tasks is not read again", async () => {
  await using fixture = await createFixture();
  const { text } = browserOf(fixture);
  const path = `/new-tasks?q=name:ping&after=${new Date().toISOString()}`;
  const { records } = fixture;
  const list = records.list.bind(records);
  let reads = 0;
  records.list = (...given) => (reads++, list(...given));
  records.put({ id: "first", name: "ping" });
  for (let time = 0; time < 2; time++) assertStringIncludes(await text(path), ">1 new: show<");
  for (let at = 0; at < 120; at++) records.put({ id: `t-${at}`, name: "ping" });
  for (let time = 0; time < 3; time++) assertStringIncludes(await text(path), ">100+ new: show<");
  assertEquals(reads, 3);
  assertStringIncludes(await text(path.replace("ping", "add")), "");
  assertEquals(reads, 4);
});

Deno.test("the stream of changes reports events of any task until the hub stops", async () => {
  await using fixture = await createFixture();
  const stream = await fixture.app.request("/changes");
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  await fixture.hub.ready();
  const event = { type: "task-succeeded", id: "a", name: "add", result: "3", runtime: 0 } as const;
  const node = { hostname: "w1@host", pid: 1, clock: () => 1 };
  const message = encodeEvents([{ event, timestamp: 1 }], node);
  await fixture.broker.publish(message, { mandatory: false });
  assertEquals((await reader.read()).value, "event: changed\ndata:\n\n");
  await fixture.hub.stop();
  assertEquals((await reader.read()).done, true);
});

Deno.test("the stream of changes says 'changed' without an event: workers without a listener publish none", async () => {
  await using fixture = await createFixture();
  const stream = await fixture.app.request("/changes");
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  assertEquals((await reader.read()).value, "event: changed\ndata:\n\n");
  await fixture.hub.stop();
  assertEquals((await reader.read()).done, true);
});

Deno.test("the page of a task draws its root, its parent and its children with their states", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "root", name: "add", state: "SUCCESS" });
  fixture.records.put({ id: "parent", name: "loose", state: "STARTED" });
  fixture.records.put({ id: "child", name: "ping", state: "RETRY" });
  const lineage = { root: "root", parent: "parent" };
  fixture.records.put({
    id: "own",
    name: "<own>",
    state: "FAILURE",
    lineage,
    children: [
      [["child", null], null],
      [
        ["many", null],
        Array.from({ length: 120 }, (_, n) => [[`member-${n}`, null], null] as const),
      ],
    ],
  });
  const { text } = browserOf(fixture);
  const page = await text("/tasks/own");
  const flow = page.slice(page.indexOf('class="flow"'), page.indexOf("Record as JSON"));
  const shape = [...flow.matchAll(/<(\/?)(ol|ul)\b|data-state="(\w+)"|>([\w.]+)<\/a>/g)]
    .map(([, end, tag, state, name]) => state ?? name ?? `${end}${tag}`);
  assertEquals(
    shape.slice(0, 10).concat(shape.slice(-3, -2)).join(" "),
    "ol add SUCCESS loose STARTED FAILURE ul ping RETRY ul /ul",
  );
  assertEquals([...flow.matchAll(/href="\/tasks\/member-/g)].length, 99);
  assertStringIncludes(flow, "21 more");
  assertStringIncludes(flow, "<strong>&lt;own&gt;</strong>");
  fixture.records.put({ id: "own", name: "a", lineage: { root: "parent", parent: "parent" } });
  const same = await text("/tasks/own");
  assertEquals([...same.matchAll(/href="\/tasks\/parent"/g)].length, 1);
  assertStringIncludes(same, "Root and parent");
  assert(!(await text("/tasks/root")).includes('class="flow"'));
});

Deno.test("the page of a task shows a limited key no names and states of other tasks", async () => {
  const key = testKey({ scopes: ["tasks:read"], tasks: ["ping"] });
  await using fixture = await keyedFixture([key]);
  fixture.records.put({ id: "parent", name: "add", queue: "q", state: "REVOKED" });
  fixture.records.put({ id: "own", name: "ping", queue: "q", lineage: { parent: "parent" } });
  const page = await browserOf(fixture, key).text("/tasks/own");
  assertStringIncludes(page, 'href="/tasks/parent"');
  assert(!page.includes("REVOKED") && !page.includes(">add<"));
});

Deno.test("the page of a task links to its workflow", async () => {
  await using fixture = await createFixture();
  const body = group(signature("add", { x: 1, y: 2 }));
  const { id, tasks } = await (await fixture.post("/v1/workflows", body)).json();
  const page = await browserOf(fixture).text(`/tasks/${tasks[0].id}`);
  assertStringIncludes(page, `href="/workflows/${id}"`);
});

Deno.test("the page of a task links to its trace and its log lines if there are templates", async () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const task = { id: 'a"&/b', name: "ping", lineage: { trace } };
  await using plain = await createFixture();
  plain.records.put(task);
  const path = `/tasks/${encodeURIComponent(task.id)}`;
  assert(!(await browserOf(plain).text(path)).includes(trace));
  await using fixture = await createFixture({
    page: {
      traceUrl: "https://traces.example/{trace_id}?of={trace_id}",
      logUrl: "https://logs.example/?query={task_id}&x=1",
    },
  });
  fixture.records.put(task);
  const page = await browserOf(fixture).text(path);
  assertStringIncludes(page, `href="https://traces.example/${trace}?of=${trace}"`);
  assertStringIncludes(page, 'href="https://logs.example/?query=a%22%26%2Fb&amp;x=1"');
  fixture.records.put({ id: "untraced", name: "ping" });
  const untraced = await browserOf(fixture).text("/tasks/untraced");
  assert(!untraced.includes("traces.example") && untraced.includes("logs.example"));
});
