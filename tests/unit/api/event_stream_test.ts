import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Hono } from "hono";
import { answerError } from "../../../api/http/problem.ts";
import { EventHub } from "../../../api/reading/event_hub.ts";
import { eventStream } from "../../../api/routes/event_stream.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { eventKey } from "../../../shared/events/event_key.ts";
import type { EventPage, RecordedEvent } from "../../../shared/events/event_store.ts";

/** A table of events in memory. */
class MemoryEvents {
  readonly events: RecordedEvent[] = [];
  reads = 0;
  isAway = false;

  add(type: string, data: unknown = null): void {
    const position = this.events.length + 1;
    const event = cloudEvent({
      ...{ specversion: "1.0", id: String(position), source: "/s" },
      type,
      data,
    });
    const recordedAt = new Date();
    this.events.push({ key: eventKey(event), position, event, bytes: 100, tasks: {}, recordedAt });
  }

  after(position: number, { limit }: EventPage): Promise<RecordedEvent[]> {
    this.reads++;
    if (this.isAway) return Promise.reject(new DatabaseUnavailable("Cannot read: test"));
    return Promise.resolve(this.events.filter((one) => one.position > position).slice(0, limit));
  }

  lastPosition(): Promise<number> {
    if (this.isAway) return Promise.reject(new DatabaseUnavailable("Cannot read: test"));
    return Promise.resolve(this.events.length);
  }
}

function open({ limit = 10 } = {}) {
  const store = new MemoryEvents();
  const hub = new EventHub({ broker: new MemoryBroker(), limit });
  const app = new Hono();
  app.onError(answerError);
  app.get("/v1/events/stream", eventStream({ store, hub, everyMs: 5, heartbeatMs: 20 }));
  return { app, hub, store };
}

/** Positions and data of a stream, without comments. */
async function* messages(answer: Response): AsyncGenerator<{ id: number; data?: unknown }> {
  let text = "";
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const parts = text.split("\n\n");
    text = parts.pop()!;
    for (const part of parts) {
      const id = /^id: (\d+)$/m.exec(part)?.[1];
      const data = /^data: (.*)$/m.exec(part)?.[1];
      if (id) yield { id: Number(id), ...(data && { data: JSON.parse(data) }) };
    }
  }
}

async function take(stream: AsyncGenerator<{ id: number }>, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) ids.push((await stream.next()).value.id);
  return ids;
}

Deno.test("GET /v1/events/stream sends new events, and continues after Last-Event-ID", async () => {
  const { app, store } = open();
  store.add("a");
  store.add("b");
  const answer = await app.request("/v1/events/stream");
  assertMatch(answer.headers.get("content-type")!, /^text\/event-stream/);
  const fresh = messages(answer);
  // The position where it starts, so that even a client without an event can continue.
  assertEquals(await take(fresh, 1), [2]);
  store.add("c", { text: "a\nb", big: 2n ** 60n });
  const { value } = await fresh.next();
  assertEquals([value?.id, value?.data], [3, {
    ...{ key: store.events[2]!.key, position: 3, tasks: [] },
    recorded_at: store.events[2]!.recordedAt.toISOString(),
    event: { ...store.events[2]!.event, data: { text: "a\nb", big: 2 ** 60 } },
  }]);
  await fresh.return(undefined);

  for (let count = 0; count < 297; count++) store.add("d");
  const headers = { "last-event-id": "1" };
  const again = messages(await app.request("/v1/events/stream?after=0", { headers }));
  const ids = await take(again, 300);
  assertEquals(ids, Array.from({ length: 300 }, (_, index) => index + 1));
  store.add("e");
  assertEquals(await take(again, 1), [301]);
  await again.return(undefined);
});

Deno.test("GET /v1/events/stream selects types by patterns", async () => {
  const { app, store } = open();
  for (const type of ["orders.eu.paid", "prices.changed", "orders.us.sent", "zebra"]) {
    store.add(type);
  }
  const path = "/v1/events/stream?after=0&types=orders.*.paid,%20zebra";
  const stream = messages(await app.request(path));
  assertEquals(await take(stream, 3), [0, 1, 4]);
  await stream.return(undefined);
});

Deno.test("GET /v1/events/stream continues after the retention has deleted every event", async () => {
  const { app, store } = open();
  const headers = { "last-event-id": "500" };
  const stream = messages(await app.request("/v1/events/stream", { headers }));
  store.add("a");
  assertEquals(await take(stream, 2), [0, 1]);
  await stream.return(undefined);
});

Deno.test("GET /v1/events/stream refuses invalid positions and patterns", async () => {
  const { app, store } = open();
  store.add("a");
  const cases: [path: string, field: string, text: string, headers?: Record<string, string>][] = [
    ["?after=x", "after", "position of an event"],
    ["?after=-1", "after", "position of an event"],
    ["?after=2", "after", "the last one is 1"],
    ["", "last-event-id", "position of an event", { "last-event-id": "end" }],
    ["", "last-event-id", "the last one is 1", { "last-event-id": "7" }],
    ["?types=order*", "types", "a word of its own"],
    ["?types=", "types", ""],
    ["?type=a", "type", "did you mean 'types'?"],
  ];
  for (const [path, field, text, headers = {}] of cases) {
    const answer = await app.request(`/v1/events/stream${path}`, { headers });
    const body = await answer.json();
    assertEquals([answer.status, body.errors[0].field], [422, field], path);
    assertStringIncludes(body.detail, text);
  }
});

Deno.test("GET /v1/events/stream shares the limit of waiting callers, and ends with the API", async () => {
  const { app, hub } = open({ limit: 2 });
  const streams = [];
  for (let count = 0; count < 2; count++) {
    streams.push(messages(await app.request("/v1/events/stream")));
  }
  for (const stream of streams) await stream.next();
  const refused = await app.request("/v1/events/stream");
  assertEquals(refused.status, 503);
  assertStringIncludes((await refused.json()).detail, "CELERIAC_MAX_WAITING");
  // A response to HEAD takes no place; a closed stream gives its place back.
  assertEquals((await app.request("/v1/events/stream", { method: "HEAD" })).status, 200);
  await streams[0]!.return(undefined);
  let answer = await app.request("/v1/events/stream");
  while (answer.status === 503) answer = await app.request("/v1/events/stream");
  const last = messages(answer);
  await last.next();
  await hub.stop();
  assertEquals((await last.next()).done, true);
  assertEquals((await streams[1]!.next()).done, true);
});

Deno.test("GET /v1/events/stream waits out an outage of the database, and skips nothing", async () => {
  const { app, store } = open();
  const stream = messages(await app.request("/v1/events/stream"));
  assertEquals(await take(stream, 1), [0]);
  store.isAway = true;
  store.add("a");
  store.add("b");
  await new Promise((resolve) => setTimeout(resolve, 30));
  store.isAway = false;
  assertEquals(await take(stream, 2), [1, 2]);
  store.isAway = true;
  assertEquals((await app.request("/v1/events/stream")).status, 503);
  await stream.return(undefined);
});

Deno.test("GET /v1/events/stream reads once for many streams, and not at all without news", async () => {
  const { app, store } = open({ limit: 1000 });
  const streams = [];
  for (let count = 0; count < 300; count++) {
    streams.push(messages(await app.request("/v1/events/stream")));
  }
  for (const stream of streams) await stream.next();
  await new Promise((resolve) => setTimeout(resolve, 50));
  store.reads = 0;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(store.reads, 0);
  store.add("a");
  for (const stream of streams) assertEquals(await take(stream, 1), [1]);
  assertEquals(store.reads <= 2, true, `${store.reads} reads`);
  for (const stream of streams) await stream.return(undefined);
});
