import { assertEquals } from "@std/assert";
import type { Pause } from "../../../shared/flow/pause.ts";
import type { PausesInForce } from "../../../shared/flow/pause_store.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { PauseWatch } from "../../../workers/pause_watch.ts";
import { eventually } from "../../support/eventually.ts";

const pausedAt = new Date(0);
const QUEUE: Pause = { scope: "queue", name: "q", reason: "full", pausedAt };
const TASK: Pause = { scope: "task", name: "t", reason: null, pausedAt };

const LIMITS = { parkMax: 10, parkMaxBytes: 1000 };

/** A store whose pauses the test changes; `undefined` is an outage. */
function changing(pauses: readonly Pause[] | undefined) {
  const store = {
    pauses,
    reads: 0,
    parked: 0,
    parkedBytes: 0,
    inForce(): Promise<PausesInForce> {
      store.reads++;
      const { pauses, parked, parkedBytes } = store;
      return pauses
        ? Promise.resolve({ pauses, parked, parkedBytes })
        : Promise.reject(new DatabaseUnavailable("Cannot read"));
    },
  };
  return store;
}

Deno.test("PauseWatch has the pauses once start() resolves, and later changes", async () => {
  const store = changing([QUEUE]);
  await using watch = new PauseWatch({ store, pollMs: 5, ...LIMITS });
  await watch.start();
  assertEquals(watch.of("q", "t"), { scope: "queue", name: "q" });
  assertEquals(watch.of("other", "t"), undefined);

  const seen: string[][] = [];
  watch.onQueues = (queues) => Promise.resolve(void seen.push([...queues]));
  store.pauses = [TASK];
  await eventually("the change", () => watch.of("other", "t"));
  assertEquals([watch.of("q", "x"), seen.at(-1)], [undefined, []]);
});

Deno.test("PauseWatch waits for the first read, and keeps the pauses of an outage", async () => {
  const store = changing(undefined);
  await using watch = new PauseWatch({ store, pollMs: 5, ...LIMITS });
  let started = false;
  const starting = watch.start().then(() => started = true);
  await eventually("a failed read", () => store.reads === 1);
  assertEquals(started, false);
  store.pauses = [TASK];
  await starting;
  store.pauses = undefined;
  const reads = store.reads;
  await eventually("a failed read", () => store.reads > reads);
  assertEquals(watch.of("q", "t"), { scope: "task", name: "t" });
});

Deno.test("PauseWatch stops while it waits for the first read", async () => {
  const watch = new PauseWatch({ store: changing(undefined), ...LIMITS });
  const starting = watch.start();
  await watch.stop();
  await starting;
});

Deno.test("PauseWatch continues when the consumers cannot be changed", async () => {
  const store = changing([QUEUE]);
  await using watch = new PauseWatch({ store, pollMs: 5, ...LIMITS });
  watch.onQueues = () => Promise.reject(new Error("consuming has ended"));
  await watch.start();
  const { reads } = store;
  await eventually("more reads", () => store.reads > reads + 1);
});

Deno.test("PauseWatch stops the queues of paused tasks while too much is parked", async () => {
  const store = changing([TASK]);
  await using watch = new PauseWatch({ store, pollMs: 5, ...LIMITS });
  await watch.start();
  watch.of("first", "t");
  watch.of("second", "t");
  watch.of("third", "other");
  for (const bound of [{ parked: 10, parkedBytes: 0 }, { parked: 1, parkedBytes: 1000 }]) {
    Object.assign(store, bound);
    await eventually("a full outbox", () => watch.queues.size > 0);
    assertEquals([...watch.queues], ["first", "second"]);
    Object.assign(store, { parked: 9, parkedBytes: 999 });
    await eventually("a smaller outbox", () => watch.queues.size === 0);
  }
  store.parked = 10;
  await eventually("a full outbox", () => watch.queues.size > 0);
  store.pauses = [QUEUE];
  await eventually("another pause", () => watch.of("q", "x"));
  assertEquals([...watch.queues], ["q"]);
});
