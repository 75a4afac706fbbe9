import { assert, assertEquals, assertMatch } from "@std/assert";
import { v7 } from "uuid";
import { ChunkWriter } from "../../../api/http/chunk_writer.ts";
import { EventHub } from "../../../api/reading/event_hub.ts";
import { eventRoutes } from "../../../api/routes/events.ts";
import { StatePolling } from "../../../api/reading/state_polling.ts";
import { encodeEvents } from "../../../shared/celery/event.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { SYSTEM_CLOCK } from "../../../shared/runtime/clock.ts";
import type { TaskEvent } from "../../../shared/telemetry/events.ts";
import { createFixture, type Fixture, MemoryRecords } from "./fixture.ts";

interface Sent {
  readonly event?: string;
  readonly id?: string;
  readonly data?: { state?: string; progress?: unknown; result?: unknown };
  readonly comment?: string;
}

/** Reads a stream, message by message. */
async function* messages(answer: Response): AsyncGenerator<Sent> {
  let text = "";
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const fields = text.slice(0, end).split("\n").map((line): [string, unknown] => {
        const [name = "", value = ""] = line.split(/: (.*)/);
        return [name || "comment", name === "data" ? JSON.parse(value) : value];
      });
      yield Object.fromEntries(fields);
      text = text.slice(end + 2);
    }
  }
}

async function announce(fixture: Fixture, ...events: TaskEvent[]): Promise<void> {
  const node = { hostname: "celeriac@test", pid: 1, clock: () => 1 };
  const timed = events.map((event) => ({ event, timestamp: 1 }));
  await fixture.broker.publish(encodeEvents(timed, node), { mandatory: false });
}

Deno.test("GET /v1/tasks/{id}/events sends the present state and each change, and ends with the task", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", name: "add", state: "PENDING" });
  const answer = await fixture.app.request("/v1/tasks/a/events");
  assertMatch(answer.headers.get("content-type")!, /^text\/event-stream/);
  const stream = messages(answer);
  const next = async () => (await stream.next()).value;

  const first = await next();
  assertEquals([first?.event, first?.data?.state], ["state", "PENDING"]);
  fixture.records.put({ id: "a", name: "add", state: "STARTED", startedAt: new Date() });
  await announce(fixture, { type: "task-started", id: "a", name: "add" });
  assertEquals((await next())?.data?.state, "STARTED");
  await announce(fixture, { type: "task-progress", id: "a", name: "add", progress: { done: 1 } });
  const progress = await next();
  assertEquals([progress?.event, progress?.data], ["progress", { id: "a", progress: { done: 1 } }]);
  fixture.records.put({ id: "a", name: "add", state: "SUCCESS", result: "3" });
  await announce(fixture, {
    type: "task-succeeded",
    id: "a",
    name: "add",
    result: "3",
    runtime: 1,
  });
  const last = await next();
  assertEquals([last?.data?.state, last?.data?.result, last?.id], ["SUCCESS", 3, "end"]);
  assertEquals((await stream.next()).done, true);
});

Deno.test("GET /v1/tasks/{id}/events polls for changes and progress without events", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "PROGRESS", result: '{"done":1}' });
  const stream = messages(await fixture.app.request("/v1/tasks/a/events"));
  assertEquals((await stream.next()).value?.data?.progress, { done: 1 });
  fixture.records.put({ id: "a", state: "PROGRESS", result: '{"done":2}' });
  const progress = (await stream.next()).value;
  assertEquals([progress?.event, progress?.data?.progress], ["progress", { done: 2 }]);
  fixture.records.put({ id: "a", state: "FAILURE" });
  assertEquals((await stream.next()).value?.data?.state, "FAILURE");
});

Deno.test("GET /v1/tasks/{id}/events sends equal progress once", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "STARTED" });
  const stream = messages(await fixture.app.request("/v1/tasks/a/events"));
  await stream.next();
  const progress = (done: number) =>
    ({ type: "task-progress", id: "a", name: "add", progress: { done } }) as const;
  await announce(fixture, progress(1), progress(1));
  assertEquals((await stream.next()).value?.data?.progress, { done: 1 });
  fixture.records.put({ id: "a", state: "PROGRESS", result: '{ "done": 1 }' });
  await announce(fixture, { type: "task-started", id: "a", name: "add" });
  assertEquals((await stream.next()).value?.data?.state, "PROGRESS");
  await announce(fixture, progress(1), progress(2));
  assertEquals((await stream.next()).value?.data?.progress, { done: 2 });
  fixture.records.put({ id: "a", state: "SUCCESS", result: "1" });
  await announce(fixture, {
    type: "task-succeeded",
    id: "a",
    name: "add",
    result: "1",
    runtime: 1,
  });
  assertEquals((await stream.next()).value?.data?.state, "SUCCESS");
});

Deno.test("GET /v1/tasks/{id}/events sends keep-alive comments and stops when the caller disconnects", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "STARTED" });
  const { records: store, hub } = fixture;
  const polling = new StatePolling({ store });
  const routes = eventRoutes({ store, hub, polling, clock: SYSTEM_CLOCK, heartbeatMs: 5 });
  const stream = messages(await routes.request("/tasks/a/events"));
  await stream.next();
  assertEquals((await stream.next()).value, { comment: "still here" });
  await stream.return(undefined);
});

Deno.test("GET /v1/tasks/{id}/events answers a reconnect after the end with no further reconnects", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "SUCCESS", result: "1" });
  const again = await fixture.app.request("/v1/tasks/a/events", {
    headers: { "last-event-id": "end" },
  });
  assertEquals([again.status, await again.text()], [204, ""]);
  const anew = await fixture.app.request("/v1/tasks/a/events");
  const sent = await Array.fromAsync(messages(anew));
  assertEquals(sent.map(({ data }) => data?.state), ["SUCCESS"]);
});

Deno.test("GET /v1/tasks/{id}/events answers 404 for an id without a record, unless it is recent", async () => {
  await using fixture = await createFixture();
  const unknown = await fixture.app.request("/v1/tasks/order-17/events");
  assertEquals([unknown.status, (await unknown.json()).type], [404, "/problems/no-record"]);
  const id = v7();
  const stream = messages(await fixture.app.request(`/v1/tasks/${id}/events`));
  assertEquals((await stream.next()).value?.data?.state, "PENDING");
  fixture.records.put({ id, state: "REVOKED" });
  assertEquals((await stream.next()).value?.data?.state, "REVOKED");
});

Deno.test("GET /v1/tasks/{id}/events ends when the store becomes unreadable", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "STARTED" });
  let reads = 0;
  const find = (id: string) =>
    reads++ < 1
      ? fixture.records.find(id)
      : Promise.reject(new DatabaseUnavailable("Cannot reach the database"));
  const polling = new StatePolling({ store: fixture.records });
  const routes = eventRoutes({ store: { find }, hub: fixture.hub, polling, clock: SYSTEM_CLOCK });
  const stream = messages(await routes.request("/tasks/a/events"));
  assertEquals((await stream.next()).value?.data?.state, "STARTED");
  await announce(fixture, {
    type: "task-failed",
    id: "a",
    name: "add",
    exception: "",
    traceback: null,
    runtime: 0,
  });
  assertEquals((await stream.next()).done, true);
});

Deno.test("GET /v1/tasks/{id}/events answers 503 with Retry-After when too many callers wait", async () => {
  await using plain = await createFixture();
  await using hub = new EventHub({ broker: plain.broker, limit: 4 });
  await hub.start();
  await using fixture = await createFixture({}, { hub });
  fixture.records.put({ id: "a", state: "STARTED" });
  const streams = [];
  for (let n = 0; n < 2; n++) {
    const stream = messages(await fixture.app.request("/v1/tasks/a/events"));
    assertEquals((await stream.next()).value?.data?.state, "STARTED");
    streams.push(stream);
  }
  for (const path of ["/v1/tasks/a/events", "/v1/tasks/a?wait=5"]) {
    const answer = await fixture.app.request(path);
    assertEquals([answer.status, (await answer.json()).type], [503, "/problems/unavailable"]);
    assertMatch(answer.headers.get("retry-after")!, /^\d+$/);
  }
  await streams[0]!.return(undefined);
  assertEquals((await fixture.app.request("/v1/tasks/a/events")).status, 200);
});

Deno.test("GET /v1/tasks/{id}/events sends a record with line breaks in one event", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "SUCCESS", result: '{\n  "x":\r\n 1\n}' });
  const text = await (await fixture.app.request("/v1/tasks/a/events")).text();
  const data = text.split("\n").filter((line) => line.startsWith("data: "));
  const { result } = JSON.parse(data.map((line) => line.slice(6)).join("\n"));
  assertEquals(result, { x: 1 });
  assertMatch(text, /\nid: end\n\n$/);
});

Deno.test("ChunkWriter buffers one chunk of a large message for a slow reader", async () => {
  const chunks: Uint8Array[] = [];
  let take = Promise.withResolvers<void>();
  const stream = {
    aborted: false,
    async write(chunk: Uint8Array | string) {
      chunks.push(chunk as Uint8Array);
      await take.promise;
      return this as never;
    },
  };
  const writer = new ChunkWriter(stream);
  const written = [writer.write(new Uint8Array(100_000)), writer.write(new Uint8Array([1]))];
  writer.beat();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(chunks.map(({ length }) => length), [32 * 1024]);
  take.resolve();
  await Promise.all(written);
  // In order, and without a heartbeat within.
  assertEquals(chunks.map(({ length }) => length), [32768, 32768, 32768, 1696, 1]);

  take = Promise.withResolvers();
  const last = writer.write(new Uint8Array(100_000));
  stream.aborted = true;
  take.resolve();
  await last;
  assertEquals(chunks.length <= 6, true);
});

Deno.test("HEAD /v1/tasks/{id}/events releases its resources", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "STARTED" });
  const answer = await fixture.app.request("/v1/tasks/a/events", { method: "HEAD" });
  assertEquals([answer.status, await answer.text()], [200, ""]);
  assertEquals(fixture.records.reads, 1);
});

Deno.test("GET /v1/tasks/{id}/events notifies two thousand callers of one task with a few reads", async () => {
  const records = new MemoryRecords();
  let reading = 0;
  let reads = 0;
  const store = {
    find: async (id: string) => {
      reads++;
      if (++reading > 5) throw new DatabaseUnavailable("Cannot get a connection");
      await new Promise((resolve) => setTimeout(resolve, 5));
      reading--;
      return await records.find(id);
    },
    states: (ids: readonly string[]) => records.states(ids),
    list: () => Promise.reject(new Error("unused")),
    revoke: () => Promise.reject(new Error("unused")),
    summaries: () => Promise.reject(new Error("unused")),
  };
  await using fixture = await createFixture({}, { store });
  records.put({ id: "a", state: "STARTED" });
  const follow = async () => messages(await fixture.app.request("/v1/tasks/a/events"));
  const streams = await Promise.all(Array.from({ length: 2000 }, follow));
  const states = async () =>
    await Promise.all(streams.map(async (stream) => (await stream.next()).value?.data?.state));
  assertEquals(new Set(await states()), new Set(["STARTED"]));
  records.put({ id: "a", state: "SUCCESS", result: "1" });
  await announce(fixture, {
    type: "task-succeeded",
    id: "a",
    name: "add",
    result: "1",
    runtime: 1,
  });
  assertEquals(new Set(await states()), new Set(["SUCCESS"]));
  const ends = await Promise.all(streams.map((stream) => stream.next()));
  assert(ends.every(({ done }) => done));
  assert(reads < 20, `${reads} reads`);
});
