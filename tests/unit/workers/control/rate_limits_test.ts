import { assert, assertEquals } from "@std/assert";
import type { Waiting } from "../../../../workers/running/semaphore.ts";
import { RateLimits } from "../../../../workers/control/rate_limits.ts";

const PATIENT: Waiting = { waitExpired: false, onWaitExpired: undefined };
const EXPIRED: Waiting = { waitExpired: true, onWaitExpired: undefined };

Deno.test("RateLimits.turn() starts one task at once and the others in order, spaced", async () => {
  const rates = new RateLimits();
  rates.set("add", 50);
  const began = performance.now();
  assertEquals(rates.turn("add", "0", PATIENT), true);
  const order: string[] = [];
  await Promise.all(["1", "2", "3", "4", "5"].map(async (id) => {
    assertEquals(await rates.turn("add", id, PATIENT), true);
    order.push(id);
  }));
  assertEquals(order, ["1", "2", "3", "4", "5"]);
  assert(performance.now() - began >= 95);
});

Deno.test("RateLimits.turn() applies a limit to its own task only", () => {
  const rates = new RateLimits();
  rates.set("add", 0.001);
  assertEquals([
    rates.turn("add", "1", PATIENT),
    rates.turn("other", "2", PATIENT),
    rates.turn("other", "3", PATIENT),
  ], [
    true,
    true,
    true,
  ]);
});

Deno.test("RateLimits.set() applies to waiting deliveries", async () => {
  const rates = new RateLimits();
  rates.set("add", 0.001);
  rates.turn("add", "0", PATIENT);
  const waiting = rates.turn("add", "1", PATIENT);
  const later = rates.turn("add", "2", PATIENT);
  const [turn] = [...rates.turns];
  assertEquals(turn?.[0], "1");
  assert(Math.abs((turn?.[1] ?? 0) - Date.now() - 1_000_000) < 60_000);
  rates.set("add", 1000);
  assertEquals(await waiting, true);
  rates.set("add", 0.001);
  rates.set("add", undefined);
  assertEquals(await later, true);
  assertEquals(rates.turn("add", "3", PATIENT), true);
});

Deno.test("RateLimits.release() removes revoked tasks, and the next one moves up", async () => {
  const rates = new RateLimits();
  rates.set("add", 0.001);
  rates.turn("add", "0", PATIENT);
  const unwanted = rates.turn("add", "1", PATIENT);
  const next = rates.turn("add", "2", PATIENT);
  rates.release(new Set(["1"]));
  assertEquals(await unwanted, true);
  assertEquals([...rates.turns.keys()], ["2"]);
  rates.close();
  assertEquals(await next, false);
  assertEquals(rates.turn("add", "3", PATIENT), false);
  assertEquals(rates.turn("other", "4", PATIENT), true);
});

Deno.test("RateLimits.turn() gives deliveries that stop waiting later turns, spaced", async () => {
  const rates = new RateLimits();
  rates.set("add", 1 / 60);
  rates.turn("add", "0", PATIENT);
  const waiting = ["1", "2", "3"].map((id): Waiting & { id: string } => (
    { id, waitExpired: false, onWaitExpired: undefined }
  ));
  const turns = waiting.map((one) => rates.turn("add", one.id, one));
  const next = rates.turn("add", "next", PATIENT);
  for (const one of waiting) one.onWaitExpired?.();
  const minutes = (await Promise.all(turns)).map((turn) => Math.round(Number(turn) / 60_000));
  assertEquals(minutes, [1, 2, 3]);
  assertEquals([...rates.turns.keys()], ["next"]);
  const late = rates.turn("add", "late", EXPIRED);
  assertEquals(Math.round(Number(await late) / 60_000), 4);
  rates.close();
  assertEquals(await next, false);
});

Deno.test("RateLimits.turn() returns a delivery within an hour", async () => {
  const rates = new RateLimits();
  rates.set("add", 1 / 3600 / 24);
  rates.turn("add", "0", PATIENT);
  const turn = await rates.turn("add", "1", EXPIRED);
  const minutes = Number(turn) / 60_000;
  assert(minutes > 29 && minutes <= 60, `${minutes} minutes`);
});
