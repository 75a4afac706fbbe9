import { setImmediate } from "node:timers";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Batch, type BatchOptions } from "../../../shared/runtime/batch.ts";
import { CeleriacError, Unavailable } from "../../../shared/errors.ts";
import { withFrozenTimers } from "../../support/frozen_timers.ts";

/** A flush that waits to be let go, and knows what it was given. */
function gated() {
  const flushes: {
    items: readonly number[];
    go: (results?: number[]) => void;
    fail: (error: unknown) => void;
  }[] = [];
  const arrived: (() => void)[] = [];
  return {
    flushes,
    flush(items: readonly number[]): Promise<number[]> {
      const { promise, resolve, reject } = Promise.withResolvers<number[]>();
      flushes.push({
        items: [...items],
        go: (results = [...items]) => resolve(results),
        fail: reject,
      });
      for (const tell of arrived.splice(0)) tell();
      return promise;
    },
    async nth(n: number) {
      while (flushes.length <= n) await new Promise<void>((resolve) => arrived.push(resolve));
      return flushes[n]!;
    },
  };
}

function doubling(options: Partial<BatchOptions<number, number>> = {}) {
  const flushed: number[][] = [];
  const batch = new Batch<number, number>({
    name: "numbers",
    flush: (items) => {
      flushed.push([...items]);
      return Promise.resolve(items.map((item) => item * 2));
    },
    ...options,
  });
  return { batch, flushed };
}

Deno.test("add() resolves with the item's own result; items within the delay share a flush", async () => {
  const { batch, flushed } = doubling();
  const results = await Promise.all([1, 2, 3].map((item) => batch.add(item)));
  assertEquals(results, [2, 4, 6]);
  assertEquals(flushed, [[1, 2, 3]]);
  await batch.stop();
});

Deno.test("add() flushes an idle batch at the end of the turn, without a timer", async () => {
  const { batch, flushed } = doubling();
  await withFrozenTimers(async () => {
    assertEquals(await batch.add(1), 2);
    assertEquals(await Promise.all([batch.add(2), batch.add(3)]), [4, 6]);
  });
  assertEquals(flushed, [[1], [2, 3]]);
  await batch.stop();
});

Deno.test("add() gathers for a moment after a large batch, and not after the next small one", async () => {
  const { batch, flushed } = doubling();
  await Promise.all(Array.from({ length: 16 }, (_, item) => batch.add(item)));
  const gathered = await withFrozenTimers(async () => {
    const added = batch.add(1);
    await new Promise<void>((resolve) => setImmediate(() => resolve()));
    assertEquals(flushed.length, 1);
    await batch.stop();
    return await added;
  });
  assertEquals(gathered, 2);
  await batch.start();
  assertEquals(await withFrozenTimers(() => batch.add(2)), 4);
  await batch.stop();
});

Deno.test("add() flushes at once when the size is reached, in the order of arrival", async () => {
  const { batch, flushed } = doubling({ size: 2, delayMs: 60_000 });
  await Promise.all([1, 2, 3, 4].map((item) => batch.add(item)));
  assertEquals(flushed, [[1, 2], [3, 4]]);
  await batch.stop();
});

Deno.test("a flush takes no more than the weight, but always one item", async () => {
  const { batch, flushed } = doubling({ weight: 10, weigh: (item) => item });
  await Promise.all([4, 5, 2, 99, 1, 1].map((item) => batch.add(item)));
  assertEquals(flushed, [[4, 5], [2], [99], [1, 1]]);
  await batch.stop();
});

Deno.test("the next batch fills during a flush, and is flushed as soon as it ends", async () => {
  const gate = gated();
  const batch = new Batch<number, number>({ name: "numbers", flush: gate.flush, delayMs: 0 });
  const first = batch.add(1);
  const running = await gate.nth(0);
  const rest = [batch.add(2), batch.add(3)];
  assertEquals(batch.waiting, 2);
  running.go();
  await first;
  const next = await gate.nth(1);
  assertEquals(next.items, [2, 3]);
  next.go();
  assertEquals(await Promise.all(rest), [2, 3]);
  await batch.stop();
});

Deno.test("as many flushes run at a time as are allowed", async () => {
  const gate = gated();
  const batch = new Batch<number, number>({
    name: "numbers",
    flush: gate.flush,
    size: 1,
    flushes: 2,
  });
  const results = [1, 2, 3].map((item) => batch.add(item));
  await gate.nth(1);
  assertEquals(gate.flushes.length, 2);
  gate.flushes[1]!.go();
  const third = await gate.nth(2);
  assertEquals(third.items, [3]);
  third.go();
  gate.flushes[0]!.go();
  await Promise.all(results);
  await batch.stop();
});

Deno.test("a failed flush rejects its items, and the next one runs", async () => {
  const gate = gated();
  const batch = new Batch<number, number>({ name: "numbers", flush: gate.flush, size: 2 });
  const failed = [1, 2].map((item) => assertRejects(() => batch.add(item), Error, "boom"));
  (await gate.nth(0)).fail(new Error("boom"));
  await Promise.all(failed);
  const next = [batch.add(3), batch.add(4)];
  (await gate.nth(1)).go();
  assertEquals(await Promise.all(next), [3, 4]);
  await batch.stop();
});

Deno.test("a failed flush is retried as decided, with the same items", async () => {
  const attempts: number[] = [];
  const batch = new Batch<number, number>({
    name: "numbers",
    flush: (items) =>
      attempts.length < 3 ? Promise.reject(new Error("away")) : Promise.resolve(items),
    failed: (_error, attempt, items) => {
      assertEquals(items, [7]);
      attempts.push(attempt);
      return 1;
    },
  });
  assertEquals(await batch.add(7), 7);
  assertEquals(attempts, [1, 2, 3]);
  await batch.stop();
});

Deno.test("a split rejects only the items at fault, and keeps the order of the others", async () => {
  const stored: number[] = [];
  const batch = new Batch<number, number>({
    name: "numbers",
    flush: (items) => {
      if (items.some((item) => item % 10 === 3)) return Promise.reject(new Error("no threes"));
      stored.push(...items);
      return Promise.resolve(items);
    },
    failed: () => "split",
  });
  const items = Array.from({ length: 21 }, (_, index) => index);
  const results = await Promise.allSettled(items.map((item) => batch.add(item)));
  assertEquals(
    results.map(({ status }) => status === "fulfilled"),
    items.map((item) => item % 10 !== 3),
  );
  assertEquals(stored, items.filter((item) => item % 10 !== 3));
  await batch.stop();
});

Deno.test("add() refuses more than may wait", async () => {
  const gate = gated();
  const batch = new Batch<number, number>({
    name: "numbers",
    flush: gate.flush,
    delayMs: 0,
    limit: 2,
  });
  const accepted = [batch.add(1)];
  const running = await gate.nth(0);
  accepted.push(batch.add(2), batch.add(3));
  await assertRejects(() => batch.add(4), Unavailable, "numbers");
  running.go();
  (await gate.nth(1)).go();
  assertEquals(await Promise.all(accepted), [1, 2, 3]);
  await batch.stop();
});

Deno.test("add() rejects items above the pending weight, and accepts others again when there is room", async () => {
  const gate = gated();
  const batch = new Batch<number, number>({
    name: "numbers",
    flush: gate.flush,
    delayMs: 0,
    weigh: (item) => item,
    limitWeight: 10,
  });
  const accepted = [batch.add(50)];
  const running = await gate.nth(0);
  const leaving = new AbortController();
  const left = batch.add(4, leaving.signal);
  accepted.push(batch.add(8));
  await assertRejects(() => batch.add(1), Unavailable, "numbers");
  leaving.abort(new Error("enough"));
  await assertRejects(() => left, Error, "enough");
  accepted.push(batch.add(7));
  await assertRejects(() => batch.add(1), Unavailable, "numbers");
  running.go();
  const next = await gate.nth(1);
  accepted.push(batch.add(1));
  next.go();
  (await gate.nth(2)).go();
  assertEquals(await Promise.all(accepted), [50, 8, 7, 1]);
  await batch.stop();
});

Deno.test("stop() flushes pending items and resolves afterwards", async () => {
  const gate = gated();
  const batch = new Batch<number, number>({ name: "numbers", flush: gate.flush, delayMs: 60_000 });
  await batch.start();
  const added = batch.add(1);
  let stopped = false;
  const stopping = batch.stop().then(() => stopped = true);
  const last = await gate.nth(0);
  assert(!stopped);
  await assertRejects(() => batch.add(2), CeleriacError, "stopped");
  last.go();
  await stopping;
  assertEquals(await added, 1);
  await batch.stop();
});

Deno.test("stop() ends the trying: one attempt more, then the items are rejected", async () => {
  let attempts = 0;
  const paused = Promise.withResolvers<void>();
  const batch = new Batch<number, number>({
    name: "numbers",
    flush: () => {
      attempts++;
      return Promise.reject(new Error("away"));
    },
    failed: () => {
      paused.resolve();
      return 60_000;
    },
    delayMs: 0,
  });
  const added = assertRejects(() => batch.add(1), Error, "away");
  await paused.promise;
  await batch.stop();
  await added;
  assertEquals(attempts, 2);
});

Deno.test("stop() before start() and without items returns at once", async () => {
  const { batch } = doubling();
  await batch.stop();
  await batch.stop();
  await batch.start();
  assertEquals(await batch.add(1), 2);
  await batch.stop();
});

Deno.test("add() rejects with its signal: a pending item is not flushed, an item in a flush may be", async () => {
  const gate = gated();
  await using batch = new Batch<number, number>({ name: "numbers", flush: gate.flush, size: 1 });
  const stopping = new AbortController();
  const [first, second] = [batch.add(1, stopping.signal), batch.add(2, stopping.signal)];
  const third = batch.add(3);
  const reason = new Error("too late");
  stopping.abort(reason);
  for (const one of [first, second]) assertEquals(await one.catch((error) => error), reason);
  (await gate.nth(0)).go();
  const flush = await gate.nth(1);
  assertEquals(flush.items, [3]);
  flush.go();
  assertEquals(await third, 3);
});
