import { assertEquals } from "@std/assert";
import { Semaphore, type Waiting } from "../../../../workers/running/semaphore.ts";

Deno.test("Semaphore.acquire() waits while no slot is free", async () => {
  const slots = new Semaphore(1);
  assertEquals(slots.acquire(), true);
  const order: string[] = [];
  const waiting = ["a", "b"].map(async (name) => {
    await slots.acquire();
    order.push(name);
    slots.release();
  });
  assertEquals(slots.taken, 1);
  slots.release();
  await Promise.all(waiting);
  assertEquals(order, ["a", "b"]);
  assertEquals(slots.taken, 0);
});

Deno.test("Semaphore.close() rejects all waiters and later calls", async () => {
  const slots = new Semaphore(1);
  slots.acquire();
  const waiting = slots.acquire();
  slots.close();
  assertEquals(await waiting, false);
  assertEquals(slots.acquire(), false);
  slots.release();
  assertEquals(slots.taken, 0);
});

Deno.test("Semaphore.resize() adds slots for waiters, and removes slots as they are released", async () => {
  const slots = new Semaphore(1);
  slots.acquire();
  const waiting = slots.acquire();
  const last = slots.acquire();
  slots.resize(2);
  assertEquals(await waiting, true);
  assertEquals([slots.size, slots.taken], [2, 2]);
  slots.resize(1);
  slots.release();
  assertEquals(slots.taken, 1);
  slots.release();
  assertEquals(await last, true);
  assertEquals(slots.taken, 1);
});

Deno.test("Semaphore.acquire() stops waiting when the caller has waited too long", async () => {
  const slots = new Semaphore(1);
  slots.acquire();
  const waiting: Waiting = { waitExpired: false, onWaitExpired: undefined };
  const leaving = slots.acquire(waiting);
  const next = slots.acquire();
  waiting.onWaitExpired?.();
  assertEquals(await leaving, false);
  assertEquals(slots.acquire({ waitExpired: true, onWaitExpired: undefined }), false);
  slots.release();
  assertEquals([await next, slots.taken], [true, 1]);
});
