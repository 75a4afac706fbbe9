/** Figures of all rounds. */
import { assertEquals } from "@std/assert";
import {
  combineRounds,
  incompleteFigures,
  listFailures,
  type RoundResult,
} from "../../bench/kit/figures.ts";
import { median, quantile } from "../../bench/kit/statistics.ts";

function round(system: string, value: number): RoundResult {
  const sample = { figure: "throughput", value, unit: "tasks/s", better: "higher" } as const;
  return { measurement: "drain", system, durability: "fsynced", samples: [sample] };
}

Deno.test("combineRounds() gives the median and the range of each system", () => {
  const results = [round("a", 10), round("b", 7), round("b", 9), round("a", 30), round("a", 20)];
  const [a, b] = combineRounds(results);
  assertEquals([a?.system, a?.median, a?.least, a?.most, a?.values], ["a", 20, 10, 30, [
    10,
    30,
    20,
  ]]);
  assertEquals([b?.system, b?.median, b?.durability], ["b", 8, "fsynced"]);
});

Deno.test("incompleteFigures() finds missing rounds and values that are no numbers", () => {
  const without = { ...round("b", 1), samples: [] };
  const results = [round("a", 1), round("a", NaN), round("b", 1), without, round("c", 1)];
  assertEquals(incompleteFigures(results), ["drain / a / throughput", "drain / b / throughput"]);
  assertEquals(incompleteFigures([round("a", 1), { ...without, failure: "no broker" }]), []);
});

Deno.test("listFailures() counts the failed rounds of a system and keeps the first reason", () => {
  const failed = (failure: string) => ({ ...round("b", 1), samples: [], failure });
  assertEquals(listFailures([round("a", 1), failed("first"), round("b", 2), failed("second")]), [{
    measurement: "drain",
    system: "b",
    durability: "fsynced",
    failed: 2,
    rounds: 3,
    reason: "first",
  }]);
  assertEquals(listFailures([round("a", 1)]), []);
});

Deno.test("quantile() and median() take ranks", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assertEquals([quantile(hundred, 0.5), quantile(hundred, 0.99), quantile(hundred, 1)], [
    50,
    99,
    100,
  ]);
  assertEquals(quantile([5], 0.99), 5);
  assertEquals([median([3, 1, 2]), median([1, 2, 3, 4])], [2, 2.5]);
  assertEquals([quantile([], 0.5), median([])], [NaN, NaN]);
});
