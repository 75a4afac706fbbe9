import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { LazyAbort } from "../../../../workers/running/lazy_abort.ts";

Deno.test("LazyAbort aborts a signal that was read before", () => {
  const abort = new LazyAbort();
  const { signal } = abort;
  assert(!signal.aborted);
  const reason = new Error("over");
  abort.abort(reason);
  assertStrictEquals(signal.reason, reason);
  assertStrictEquals(abort.signal, signal);
});

Deno.test("LazyAbort creates an aborted signal after abort(), with the first reason", () => {
  const abort = new LazyAbort();
  abort.abort(new Error("first"));
  abort.abort(new Error("second"));
  assert(abort.signal.aborted);
  assertEquals((abort.signal.reason as Error).message, "first");
});
