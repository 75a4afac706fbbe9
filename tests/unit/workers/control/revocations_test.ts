import { assert, assertEquals } from "@std/assert";
import { Revocations } from "../../../../workers/control/revocations.ts";

Deno.test("Revocations.has() matches ids and values of stamps", () => {
  const revocations = new Revocations();
  revocations.add(["a"]);
  revocations.addStamps("tenant", ["x", 1]);
  const has = (id: string, stamps = {}) => revocations.has({ id, stamps });
  assertEquals([has("a"), has("b")], [true, false]);
  assertEquals([has("b", { tenant: "x" }), has("b", { tenant: ["y", 1] })], [true, true]);
  assertEquals([has("b", { tenant: "z" }), has("b", { other: "x" })], [false, false]);
});

Deno.test("Revocations removes the oldest of more than 50,000 ids", () => {
  const revocations = new Revocations();
  revocations.add(Array.from({ length: 50_001 }, (_, index) => `${index}`));
  assertEquals(revocations.ids.length, 50_000);
  assert(!revocations.has({ id: "0", stamps: {} }));
  assert(revocations.has({ id: "50000", stamps: {} }));
});
