import { assertEquals, assertRejects } from "@std/assert";
import { EventHub } from "../../../api/reading/event_hub.ts";
import { StatePolling } from "../../../api/reading/state_polling.ts";
import { watch, watchToEnd } from "../../../api/reading/watch.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { encodeEvents } from "../../../shared/celery/event.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import type { TaskEvent } from "../../../shared/telemetry/events.ts";
import { eventually } from "../../support/eventually.ts";
import { MemoryRecords } from "./fixture.ts";

/** So long that a test would fail of old age: whatever wakes it, it is not time. */
const NEVER_MS = 2 ** 30;

/** Polling that never comes to a read. */
const never = (store: MemoryRecords) => new StatePolling({ store, everyMs: NEVER_MS });

/** A live stream into which a test speaks. */
async function spoken() {
  let tell: (message: Message) => void = () => {};
  const hub = new EventHub({
    limit: 10_001,
    broker: {
      listen(exchange, onMessage) {
        tell = onMessage;
        const rest = () => Promise.resolve();
        const subscription = {
          queue: exchange,
          active: true,
          lastActivity: 0,
          ready: () => Promise.resolve(0),
          cancel: rest,
          close: rest,
        };
        return Promise.resolve({ ...subscription, [Symbol.asyncDispose]: rest });
      },
    },
  });
  await hub.start();
  hub.admit(); // it receives events from the start
  await hub.ready();
  const node = { hostname: "celeriac@test", pid: 1, clock: () => 1 };
  return {
    hub,
    say: (event: TaskEvent) => tell(encodeEvents([{ event, timestamp: 1 }], node)),
    [Symbol.asyncDispose]: () => hub.stop(),
  };
}

const started = { type: "task-started", id: "a", name: "add" } as const;
const succeeded = {
  type: "task-succeeded",
  id: "a",
  name: "add",
  result: "1",
  runtime: 0,
} as const;

Deno.test("watch() reads immediately and after each event that may have changed the record", async () => {
  await using stage = await spoken();
  const { hub, say } = stage;
  const store = new MemoryRecords();
  const { signal } = new AbortController();
  const heard: string[] = [];
  const onEvent = ({ type }: { type: string }) => heard.push(type);
  const polling = never(store);
  const watching = watch("a", { store, hub, polling, signal, beginnings: true, onEvent });
  assertEquals((await watching.next()).value, undefined);
  store.put({ id: "a", state: "STARTED" });
  say(started);
  assertEquals((await watching.next()).value?.state, "STARTED");
  const last = watching.next();
  say({ type: "task-progress", id: "a", name: "add", progress: 1 });
  store.put({ id: "a", state: "SUCCESS" });
  say(succeeded);
  assertEquals((await last).value?.state, "SUCCESS");
  assertEquals((await watching.next()).done, true);
  assertEquals(heard, ["task-started", "task-progress", "task-succeeded"]);
});

Deno.test("watchToEnd() ignores start and progress events", async () => {
  await using stage = await spoken();
  const { hub, say } = stage;
  const store = new MemoryRecords();
  store.put({ id: "a", state: "PENDING" });
  const watching = watchToEnd("a", {
    store,
    hub,
    polling: never(store),
    signal: new AbortController().signal,
  });
  await Promise.resolve();
  say(started);
  say({ type: "task-progress", id: "a", name: "add", progress: 1 });
  store.put({ id: "a", state: "SUCCESS" });
  say(succeeded);
  assertEquals((await watching)?.state, "SUCCESS");
  assertEquals(store.reads, 2);
});

Deno.test("watchToEnd() polls the state without events, and reads the record after a change", async () => {
  await using stage = await spoken();
  const { hub } = stage;
  const store = new MemoryRecords();
  store.put({ id: "a", state: "PENDING" });
  const states = async (ids: readonly string[]) => {
    if (store.polled.length === 5) store.put({ id: "a", state: "SUCCESS" });
    return await store.states(ids);
  };
  const polling = new StatePolling({ store: { states }, everyMs: 1 });
  const { signal } = new AbortController();
  const record = await watchToEnd("a", { store, hub, polling, signal });
  assertEquals([record?.state, store.polled.length, store.reads], ["SUCCESS", 6, 2]);
});

Deno.test("watchToEnd() polls for a thousand callers per statement, and stops without callers", async () => {
  await using stage = await spoken();
  const { hub } = stage;
  const store = new MemoryRecords();
  const polling = new StatePolling({ store, everyMs: 1 });
  const caller = new AbortController();
  const { signal } = caller;
  const watching = Array.from({ length: 10_000 }, (_, index) => {
    const id = `task ${index % 2500}`;
    store.put({ id, state: "STARTED" });
    return watchToEnd(id, { store, hub, polling, signal });
  });
  await eventually("two rounds of polling", () => store.polled.length >= 6);
  assertEquals(store.polled.slice(0, 3).map(({ length }) => length), [1000, 1000, 500]);
  caller.abort();
  const records = await Promise.all(watching);
  assertEquals(records.filter((record) => record?.state === "STARTED").length, 10_000);
  const { length } = store.polled;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(store.polled.length, length);
});

Deno.test("watchToEnd() reports a polling error", async () => {
  await using stage = await spoken();
  const { hub } = stage;
  const store = new MemoryRecords();
  const states = () => Promise.reject(new DatabaseUnavailable("Cannot reach the database"));
  const polling = new StatePolling({ store: { states }, everyMs: 1 });
  const { signal } = new AbortController();
  await assertRejects(() => watchToEnd("a", { store, hub, polling, signal }), DatabaseUnavailable);
});

Deno.test("watchToEnd() ends when its signal aborts or the event hub stops", async () => {
  await using stage = await spoken();
  const { hub } = stage;
  const store = new MemoryRecords();
  store.put({ id: "a", state: "STARTED" });
  const polling = never(store);
  const caller = new AbortController();
  const left = watchToEnd("a", { store, hub, polling, signal: caller.signal });
  const stopped = watchToEnd("a", {
    store,
    hub,
    polling: never(store),
    signal: new AbortController().signal,
  });
  caller.abort();
  assertEquals((await left)?.state, "STARTED");
  await hub.stop();
  assertEquals((await stopped)?.state, "STARTED");
  const late = await watchToEnd("a", { store, hub, polling, signal: caller.signal });
  assertEquals(late?.state, "STARTED");
});

Deno.test("watchToEnd() reports an unreadable store", async () => {
  await using stage = await spoken();
  const { hub } = stage;
  const store = {
    find: () => Promise.reject(new DatabaseUnavailable("Cannot reach the database")),
  };
  const { signal } = new AbortController();
  const polling = never(new MemoryRecords());
  await assertRejects(() => watchToEnd("a", { store, hub, polling, signal }), DatabaseUnavailable);
});
