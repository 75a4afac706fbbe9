import { assert, assertEquals } from "@std/assert";
import { RateLimits } from "../../../workers/control/rate_limits.ts";

Deno.test("RateLimits.turn() lets one go at once and the others in their order, spaced", async () => {
  const rates = new RateLimits();
  rates.set("add", 50);
  const began = performance.now();
  assertEquals(rates.turn("add", "0"), true);
  const order: string[] = [];
  await Promise.all(["1", "2", "3", "4", "5"].map(async (id) => {
    assertEquals(await rates.turn("add", id), true);
    order.push(id);
  }));
  assertEquals(order, ["1", "2", "3", "4", "5"]);
  assert(performance.now() - began >= 95);
});

Deno.test("RateLimits.turn() knows no limit that was not set, and none of another task", () => {
  const rates = new RateLimits();
  rates.set("add", 0.001);
  assertEquals([rates.turn("add", "1"), rates.turn("other", "2"), rates.turn("other", "3")], [
    true,
    true,
    true,
  ]);
});

Deno.test("RateLimits.set() holds for those who wait already", async () => {
  const rates = new RateLimits();
  rates.set("add", 0.001);
  rates.turn("add", "0");
  const waiting = rates.turn("add", "1");
  const later = rates.turn("add", "2");
  const [turn] = [...rates.turns];
  assertEquals(turn?.[0], "1");
  assert(Math.abs((turn?.[1] ?? 0) - Date.now() - 1_000_000) < 60_000);
  rates.set("add", 1000);
  assertEquals(await waiting, true);
  rates.set("add", 0.001);
  rates.set("add", undefined);
  assertEquals(await later, true);
  assertEquals(rates.turn("add", "3"), true);
});

Deno.test("RateLimits.release() lets the unwanted leave, and the next one moves up", async () => {
  const rates = new RateLimits();
  rates.set("add", 0.001);
  rates.turn("add", "0");
  const unwanted = rates.turn("add", "1");
  const next = rates.turn("add", "2");
  rates.release(new Set(["1"]));
  assertEquals(await unwanted, true);
  assertEquals([...rates.turns.keys()], ["2"]);
  rates.close();
  assertEquals(await next, false);
  assertEquals(rates.turn("add", "3"), false);
  assertEquals(rates.turn("other", "4"), true);
});
