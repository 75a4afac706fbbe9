import { assertEquals, assertThrows } from "@std/assert";
import { total } from "../../../shared/tasks/total.ts";
import { totalHandler } from "../../../workers/tasks/total.ts";
import { context } from "./fixtures.ts";

Deno.test("total adds a list of numbers, of which none make 0", () => {
  const sum = (numbers: number[]) => totalHandler.run(total.input.parse({ numbers }), context());
  assertEquals(sum([2, 4.5, -1]), 5.5);
  assertEquals(sum([]), 0);
});

Deno.test("total rejects input that is not a list of numbers", () => {
  assertThrows(() => total.input.parse({ numbers: [1, "2"] }));
  assertThrows(() => total.input.parse({ numbers: 1 }));
});
