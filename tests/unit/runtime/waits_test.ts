import { assertEquals, assertRejects } from "@std/assert";
import { pause, unlessAborted, waitAtMost } from "../../../shared/runtime/waits.ts";

Deno.test("pause() ends early when the signal comes, and leaves no listener", async () => {
  const stopped = new AbortController();
  const pausing = pause(60_000, stopped.signal);
  stopped.abort();
  await pausing; // a timer left behind fails the test
  await pause(60_000, stopped.signal);
});

Deno.test("pause() ends by itself when no signal comes", async () => {
  await pause(1, new AbortController().signal);
});

Deno.test("waitAtMost() ends with the first event, or in time without any", async () => {
  await waitAtMost(60_000, new Promise(() => {}), Promise.resolve());
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

Deno.test("unlessAborted() throws the signal's reason while the work goes on unheard", async () => {
  const stopped = new AbortController();
  const work = Promise.withResolvers<void>();
  const waiting = unlessAborted(work.promise, stopped.signal);
  stopped.abort(new RangeError("enough"));
  await assertRejects(() => waiting, RangeError, "enough");
  work.reject(new Error("nobody hears this"));
});
