import { assertEquals } from "@std/assert";
import { Company } from "../../../workers/company.ts";

Deno.test("Company.enter() lets all be present but a suspect, who is alone, in the order they came", async () => {
  const company = new Company();
  assertEquals([company.enter(false), company.enter(false)], [true, true]);
  const order: string[] = [];
  const suspect = Promise.resolve(company.enter(true)).then(() => order.push("suspect"));
  const later = Promise.resolve(company.enter(false)).then(() => order.push("later"));
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

Deno.test("Company.close() sends everybody in line away", async () => {
  const company = new Company();
  assertEquals(company.enter(true), true);
  const waiting = company.enter(false);
  company.close();
  assertEquals([await waiting, company.enter(false)], [false, false]);
});
