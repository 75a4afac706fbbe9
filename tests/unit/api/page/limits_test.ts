import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Hono } from "hono";
import { limitTime } from "../../../../api/page/deadline.ts";
import { changesStream } from "../../../../api/page/tasks/changes.ts";
import { readFilter } from "../../../../api/reading/task_filter.ts";
import { searchTasks } from "../../../../api/page/tasks/search.ts";
import { EVERYONE } from "../../../../api/access/caller.ts";
import { EventHub } from "../../../../api/reading/event_hub.ts";
import { StatePolling } from "../../../../api/reading/state_polling.ts";
import { Unavailable } from "../../../../shared/errors.ts";
import type { TaskRecord } from "../../../../shared/results/result.ts";
import { SYSTEM_CLOCK } from "../../../../shared/runtime/clock.ts";
import { eventually } from "../../../support/eventually.ts";
import { createFixture, MemoryRecords } from "../fixture.ts";

const HTML = { accept: "text/html" };

Deno.test("a page shows the beginning of large data only", async () => {
  await using fixture = await createFixture();
  const huge: Record<string, string> = {
    text: JSON.stringify("x".repeat(10 * 1024 * 1024)),
    numbers: `[${"1,".repeat(1_000_000)}1]`,
    depth: "[".repeat(100_000) + "]".repeat(100_000),
  };
  for (const [id, result] of Object.entries(huge)) {
    fixture.records.put({
      id,
      name: "ping",
      state: "FAILURE",
      result,
      exception: { exc_type: "E", exc_message: ["m".repeat(1_000_000)], exc_module: "m" },
      traceback: "at x ".repeat(1_000_000),
      children: Array.from({ length: 10_000 }, (_, at) => [[`child-${at}`, null], null]),
    });
    const answer = await fixture.app.request(`/tasks/${id}`, { headers: HTML });
    const text = await answer.text();
    assertEquals(answer.status, 200, id);
    assert(text.length < 500_000, `${id}: ${text.length}`);
    assertStringIncludes(text, "Only the first 100,000 characters are shown.");
    assertStringIncludes(text, "9900 more");
  }
});

Deno.test("a form is read up to its limit, whatever length it declares", async () => {
  await using fixture = await createFixture();
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 8192;
      controller.enqueue(new TextEncoder().encode("key=a&b=".padEnd(8192, "c")));
      if (sent > 1024 * 1024) controller.close();
    },
  });
  const answer = await fixture.app.request("/sign-in", {
    method: "POST",
    body,
    headers: {
      ...HTML,
      "sec-fetch-site": "same-origin",
      "content-type": "application/x-www-form-urlencoded",
    },
  });
  assertEquals(answer.status, 413);
  assert(sent < 64 * 1024, String(sent));
  await answer.body?.cancel();
});

Deno.test("a filter has a limited length, and its times are those of the store", async () => {
  await using fixture = await createFixture();
  const statusOf = async (path: string) => {
    const answer = await fixture.app.request(path, { headers: HTML });
    await answer.body?.cancel();
    return answer.status;
  };
  const long = encodeURIComponent("-q ".repeat(1000));
  const after = encodeURIComponent(new Date().toISOString());
  assertEquals(await statusOf(`/tasks?q=${long}`), 422);
  assertEquals(await statusOf(`/new-tasks?q=${long}&after=${after}`), 422);
  assertEquals(await statusOf("/new-tasks?after=0000-01-01T00:00:00Z"), 422);
  assertEquals(await statusOf("/new-tasks?after=9999-12-31T23:59:59-12:00"), 422);
  assertEquals(await statusOf("/v1/tasks?since=0001-01-01T00:00:00%2B09:00"), 422);
  for (const time of ["999999w", "0000-01-01"]) {
    const answer = await fixture.app.request(`/tasks?q=since:${time}`, { headers: HTML });
    assertStringIncludes(await answer.text(), `Cannot read the time &#39;${time}&#39;`);
  }
});

Deno.test("limitTime() ends a read that waits for its data, and no change", async () => {
  const app = new Hono().use(limitTime(20))
    .get("/", () => new Promise<Response>(() => {}))
    .post("/", async (c) => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return c.text("changed");
    });
  app.onError((error, c) => c.text(error.message, 503));
  const read = await app.request("/");
  assertEquals([read.status, (await read.text()).slice(0, 70)], [
    503,
    "Cannot show the page because its data did not arrive within 0.02 s: da",
  ]);
  assertEquals(await (await app.request("/", { method: "POST" })).text(), "changed");
});

Deno.test("a stream of changes that comes too late is not opened, and nothing waits for it", async () => {
  const store = new MemoryRecords();
  store.put({ id: "a", state: "STARTED" });
  const hub = new EventHub({ broker: { listen: () => new Promise(() => {}) }, limit: 1 });
  const read = Promise.withResolvers<TaskRecord | undefined>();
  const changes = changesStream({
    store: { find: () => read.promise },
    hub,
    polling: new StatePolling({ store }),
    clock: SYSTEM_CLOCK,
  });
  const app = new Hono().use(limitTime(20)).get("/tasks/:task/changes", changes);
  app.onError((error, c) => c.text(error.message, 503));
  const answer = await app.request("/tasks/a/changes");
  assertEquals(answer.status, 503);
  await answer.body?.cancel();
  assertThrows(() => hub.admit(), Unavailable);
  read.resolve(await store.find("a"));
  await eventually("the end of the wait", () => {
    try {
      hub.admit()[Symbol.dispose]();
      return true;
    } catch {
      return false;
    }
  }, { within: 2 });
});

Deno.test("the page answers in words while the database is silent", async () => {
  await using fixture = await createFixture({}, {
    store: {
      list: () => new Promise(() => {}),
      find: () => new Promise(() => {}),
      revoke: () => new Promise(() => {}),
      states: () => new Promise(() => {}),
      summaries: () => new Promise(() => {}),
    },
  });
  const began = performance.now();
  const answer = await fixture.app.request("/tasks", { headers: HTML });
  assertEquals(answer.status, 503);
  assertStringIncludes(await answer.text(), "its data did not arrive within 3 s");
  assert(performance.now() - began < 6000);
});

Deno.test("a search ends when its time is over, and says where it ended", async () => {
  await using fixture = await createFixture();
  for (let at = 0; at < 120; at++) fixture.records.put({ id: `t-${at}`, name: "ping" });
  const found = await searchTasks(fixture.records, {
    filter: readFilter("-name:ping", new Date()),
    caller: EVERYONE,
    limitMs: 0,
  });
  assertEquals(found, { records: [], next: "50", searched: 50 });
});
