import { assertEquals } from "@std/assert";
import { Company } from "../../../../workers/running/isolation_gate.ts";

Deno.test("Company.enter() lets all be present but a suspect, who is alone, in the order they came", async () => {
  const company = new Company();
  assertEquals([company.enter(), company.enter()], [true, true]);
  const order: string[] = [];
  const suspect = company.enterAlone(60_000).then(() => order.push("suspect"));
  const later = Promise.resolve(company.enter()).then(() => order.push("later"));
  company.leave();
  await Promise.resolve();
  assertEquals(order, []);
  company.leave();
  await suspect;
  assertEquals(order, ["suspect"]);
  company.leave();
  await later;
  assertEquals(order, ["suspect", "later"]);
});

Deno.test("Company.enter() passes a suspect whose patience is over, which waits on until it was in vain", async () => {
  const company = new Company();
  company.enter();
  const suspect = company.enterAlone(20);
  assertEquals([await company.enter(), company.enter()], [true, true]);
  assertEquals(await suspect, "crowded");
});

Deno.test("Company.enterAlone() admits a suspect whose patience is over as soon as all have left", async () => {
  const company = new Company();
  company.enter();
  const suspect = company.enterAlone(100);
  await company.enter();
  company.leave();
  company.leave();
  assertEquals(await suspect, "admitted");
  const kept = company.enter();
  company.leave();
  assertEquals(await kept, true);
});

Deno.test("Company.leave() of a suspect admits those that it kept waiting before the next suspect", async () => {
  const company = new Company();
  const order: string[] = [];
  const first = company.enterAlone(60_000);
  const second = company.enterAlone(60_000).then(() => order.push("second"));
  const kept = Promise.resolve(company.enter()).then(() => order.push("kept"));
  assertEquals(await first, "admitted");
  company.leave();
  await kept;
  company.leave();
  await second;
  assertEquals(order, ["kept", "second"]);
});

Deno.test("Company.close() sends everybody who waits away", async () => {
  const company = new Company();
  assertEquals(await company.enterAlone(60_000), "admitted");
  const waiting = [company.enter(), company.enterAlone(60_000)];
  company.close();
  assertEquals(await Promise.all(waiting), [false, "closed"]);
  assertEquals([company.enter(), await company.enterAlone(60_000)], [false, "closed"]);
});
