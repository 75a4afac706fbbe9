import { assertEquals, assertRejects } from "@std/assert";
import { Live } from "../../../api/live.ts";
import { watch, watchToEnd } from "../../../api/watch.ts";
import type { Message } from "../../../shared/broker/broker.ts";
import { encodeEvents } from "../../../shared/celery/event.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import type { TaskEvent } from "../../../shared/events.ts";
import { MemoryRecords } from "./ground.ts";

/** So long that a test would fail of old age: whatever wakes it, it is not time. */
const NEVER_MS = 2 ** 30;

/** A live stream into which a test speaks. */
async function spoken() {
  let tell: (message: Message) => void = () => {};
  const live = new Live({
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
  await live.start();
  await live.ready();
  const node = { hostname: "celeriac@test", pid: 1, clock: () => 1 };
  return {
    live,
    say: (event: TaskEvent) => tell(encodeEvents([{ event, timestamp: 1 }], node)),
    [Symbol.asyncDispose]: () => live.stop(),
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

Deno.test("watch() reads at once and after each event that may have changed the record", async () => {
  await using stage = await spoken();
  const { live, say } = stage;
  const store = new MemoryRecords();
  const { signal } = new AbortController();
  const heard: string[] = [];
  const onEvent = ({ type }: { type: string }) => heard.push(type);
  const watching = watch("a", { store, live, signal, readMs: NEVER_MS, beginnings: true, onEvent });
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

Deno.test("watchToEnd() lets beginnings and progress pass without a read", async () => {
  await using stage = await spoken();
  const { live, say } = stage;
  const store = new MemoryRecords();
  store.put({ id: "a", state: "PENDING" });
  const watching = watchToEnd("a", {
    store,
    live,
    signal: new AbortController().signal,
    readMs: NEVER_MS,
  });
  await Promise.resolve();
  say(started);
  say({ type: "task-progress", id: "a", name: "add", progress: 1 });
  store.put({ id: "a", state: "SUCCESS" });
  say(succeeded);
  assertEquals((await watching)?.state, "SUCCESS");
  assertEquals(store.reads, 2);
});

Deno.test("watchToEnd() reads again and again when no event comes", async () => {
  await using stage = await spoken();
  const { live } = stage;
  const store = new MemoryRecords();
  const find = async (id: string) => {
    if (store.reads === 5) store.put({ id, state: "SUCCESS" });
    return await store.find(id);
  };
  const { signal } = new AbortController();
  assertEquals(
    (await watchToEnd("a", { store: { find }, live, signal, readMs: 1 }))?.state,
    "SUCCESS",
  );
  assertEquals(store.reads, 6);
});

Deno.test("watchToEnd() ends with its signal, and when the live stream is stopped", async () => {
  await using stage = await spoken();
  const { live } = stage;
  const store = new MemoryRecords();
  store.put({ id: "a", state: "STARTED" });
  const caller = new AbortController();
  const left = watchToEnd("a", { store, live, signal: caller.signal, readMs: NEVER_MS });
  const stopped = watchToEnd("a", {
    store,
    live,
    signal: new AbortController().signal,
    readMs: NEVER_MS,
  });
  caller.abort();
  assertEquals((await left)?.state, "STARTED");
  await live.stop();
  assertEquals((await stopped)?.state, "STARTED");
  assertEquals((await watchToEnd("a", { store, live, signal: caller.signal }))?.state, "STARTED");
});

Deno.test("watchToEnd() reads nothing before its time when it is ended first", async () => {
  await using stage = await spoken();
  const { live } = stage;
  const store = new MemoryRecords();
  const caller = new AbortController();
  const watching = watchToEnd("a", { store, live, signal: caller.signal, afterMs: NEVER_MS });
  caller.abort();
  assertEquals([await watching, store.reads], [undefined, 0]);
});

Deno.test("watchToEnd() tells when the store cannot be read", async () => {
  await using stage = await spoken();
  const { live } = stage;
  const store = {
    find: () => Promise.reject(new DatabaseUnavailable("Cannot reach the database")),
  };
  const { signal } = new AbortController();
  await assertRejects(() => watchToEnd("a", { store, live, signal }), DatabaseUnavailable);
});
