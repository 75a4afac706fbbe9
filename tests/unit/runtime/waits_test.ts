import { assertEquals, assertRejects } from "@std/assert";
import { pause, unlessAborted, waitAtMost } from "../../../shared/runtime/waits.ts";
import { withFrozenTimers } from "../../support/frozen_timers.ts";

/** How many listeners a signal has. */
function counted(signal: AbortSignal): () => number {
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    count++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    count--;
    removeEventListener.apply(signal, args);
  };
  return () => count;
}

Deno.test("pause() ends when the signal aborts, without its timer", async () => {
  await withFrozenTimers(async () => {
    const stopped = new AbortController();
    const listeners = counted(stopped.signal);
    const pausing = pause(60_000, stopped.signal);
    assertEquals(listeners(), 1);
    stopped.abort();
    await pausing;
    assertEquals(listeners(), 0);
    await pause(60_000, stopped.signal);
    assertEquals(listeners(), 0);
  });
});

Deno.test("pause() clears its timer when the signal aborts", async () => {
  const stopped = new AbortController();
  const pausing = pause(60_000, stopped.signal);
  stopped.abort();
  await pausing; // a timer left behind fails the test
});

Deno.test("pause() ends after its time without an abort, and leaves no listener", async () => {
  const { signal } = new AbortController();
  const listeners = counted(signal);
  let ended = false;
  const pausing = pause(1, signal).then(() => ended = true);
  await Promise.resolve();
  assertEquals([ended, listeners()], [false, 1]);
  await pausing;
  assertEquals(listeners(), 0);
});

Deno.test("waitAtMost() ends with the first event, without its timer", async () => {
  await withFrozenTimers(() => waitAtMost(60_000, new Promise(() => {}), Promise.resolve()));
});

Deno.test("waitAtMost() clears its timer when an event ends it", async () => {
  await waitAtMost(60_000, Promise.resolve()); // a timer left behind fails the test
});

Deno.test("waitAtMost() ends in time without any event", async () => {
  await waitAtMost(1, new Promise(() => {}));
  await waitAtMost(1);
});

Deno.test("waitAtMost() throws what the first event throws", async () => {
  await assertRejects(() => waitAtMost(60_000, Promise.reject(new RangeError("no"))), RangeError);
});

Deno.test("unlessAborted() ends as the work does", async () => {
  const { signal } = new AbortController();
  assertEquals(await unlessAborted(Promise.resolve(7), signal), 7);
  await assertRejects(
    () => unlessAborted(Promise.reject(new RangeError("no")), signal),
    RangeError,
  );
});

Deno.test("unlessAborted() throws the signal's reason while the work continues", async () => {
  const stopped = new AbortController();
  const work = Promise.withResolvers<void>();
  const waiting = unlessAborted(work.promise, stopped.signal);
  stopped.abort(new RangeError("enough"));
  await assertRejects(() => waiting, RangeError, "enough");
  work.reject(new Error("nobody hears this"));
});
