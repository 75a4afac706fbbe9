import { assertEquals } from "@std/assert";
import { Slots } from "../../../../workers/running/semaphore.ts";

Deno.test("Slots.take() waits in line when all places are taken", async () => {
  const slots = new Slots(1);
  assertEquals(slots.take(), true);
  const order: string[] = [];
  const waiting = ["a", "b"].map(async (name) => {
    await slots.take();
    order.push(name);
    slots.give();
  });
  assertEquals(slots.taken, 1);
  slots.give();
  await Promise.all(waiting);
  assertEquals(order, ["a", "b"]);
  assertEquals(slots.taken, 0);
});

Deno.test("Slots.close() sends those in line away and lets nobody in", async () => {
  const slots = new Slots(1);
  slots.take();
  const waiting = slots.take();
  slots.close();
  assertEquals(await waiting, false);
  assertEquals(slots.take(), false);
  slots.give();
  assertEquals(slots.taken, 0);
});

Deno.test("Slots.resize() makes places for those in line, and lets places go as they are given back", async () => {
  const slots = new Slots(1);
  slots.take();
  const waiting = slots.take();
  const last = slots.take();
  slots.resize(2);
  assertEquals(await waiting, true);
  assertEquals([slots.size, slots.taken], [2, 2]);
  slots.resize(1);
  slots.give();
  assertEquals(slots.taken, 1);
  slots.give();
  assertEquals(await last, true);
  assertEquals(slots.taken, 1);
});

Deno.test("Slots.take() leaves the line when its patience is over", async () => {
  const slots = new Slots(1);
  slots.take();
  const patience = new AbortController();
  const leaving = slots.take({ patience: patience.signal });
  const next = slots.take();
  patience.abort();
  assertEquals(await leaving, false);
  assertEquals(slots.take({ patience: AbortSignal.abort() }), false);
  slots.give();
  assertEquals([await next, slots.taken], [true, 1]);
});
