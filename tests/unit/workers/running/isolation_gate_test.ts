import { assertEquals } from "@std/assert";
import { IsolationGate } from "../../../../workers/running/isolation_gate.ts";

Deno.test("IsolationGate.enter() admits others together, and a suspect alone, in order of arrival", async () => {
  const gate = new IsolationGate();
  assertEquals([gate.enter(), gate.enter()], [true, true]);
  const order: string[] = [];
  const suspect = gate.enterExclusive(60_000).then(() => order.push("suspect"));
  const later = Promise.resolve(gate.enter()).then(() => order.push("later"));
  gate.leave();
  await Promise.resolve();
  assertEquals(order, []);
  gate.leave();
  await suspect;
  assertEquals(order, ["suspect"]);
  gate.leave();
  await later;
  assertEquals(order, ["suspect", "later"]);
});

Deno.test("IsolationGate.enter() passes a suspect after its blocking time; the suspect then waits until its time is over", async () => {
  const gate = new IsolationGate();
  gate.enter();
  const suspect = gate.enterExclusive(20);
  assertEquals([await gate.enter(), gate.enter()], [true, true]);
  assertEquals(await suspect, "crowded");
});

Deno.test("IsolationGate.enterExclusive() admits a suspect after its blocking time once all have left", async () => {
  const gate = new IsolationGate();
  gate.enter();
  const suspect = gate.enterExclusive(100);
  await gate.enter();
  gate.leave();
  gate.leave();
  assertEquals(await suspect, "admitted");
  const kept = gate.enter();
  gate.leave();
  assertEquals(await kept, true);
});

Deno.test("IsolationGate.leave() of a suspect admits the blocked attempts before the next suspect", async () => {
  const gate = new IsolationGate();
  const order: string[] = [];
  const first = gate.enterExclusive(60_000);
  const second = gate.enterExclusive(60_000).then(() => order.push("second"));
  const kept = Promise.resolve(gate.enter()).then(() => order.push("kept"));
  assertEquals(await first, "admitted");
  gate.leave();
  await kept;
  gate.leave();
  await second;
  assertEquals(order, ["kept", "second"]);
});

Deno.test("IsolationGate.close() rejects all waiters", async () => {
  const gate = new IsolationGate();
  assertEquals(await gate.enterExclusive(60_000), "admitted");
  const waiting = [gate.enter(), gate.enterExclusive(60_000)];
  gate.close();
  assertEquals(await Promise.all(waiting), [false, "closed"]);
  assertEquals([gate.enter(), await gate.enterExclusive(60_000)], [false, "closed"]);
});
