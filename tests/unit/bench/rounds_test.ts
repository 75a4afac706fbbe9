/** Rounds: the order of the systems, and failures. */
import { assertEquals, assertRejects } from "@std/assert";
import { type BenchOptions, parseOptions } from "../../bench/kit/options.ts";
import { rotated, runRounds } from "../../bench/kit/rounds.ts";
import type { Measurement } from "../../bench/measurements/measurement.ts";
import type { Bench } from "../../bench/systems/system.ts";

const bench = { signal: new AbortController().signal, say: () => {} } as unknown as Bench;
const options: BenchOptions = parseOptions(["--rounds=3"], []);

function measurement(measure: (system: string) => Promise<number>): Measurement {
  return {
    name: "sum",
    title: "Sum",
    method: "",
    contestants: () =>
      ["a", "b", "c"].map((name) => ({
        system: { name, durability: "none" },
        measure: async () => [{
          figure: "x",
          value: await measure(name),
          unit: "ms",
          better: "lower",
        }],
      })),
  };
}

Deno.test("rotated() begins each round with another item", () => {
  assertEquals([0, 1, 2, 3].map((round) => rotated(["a", "b", "c"], round).join("")), [
    "abc",
    "bca",
    "cab",
    "abc",
  ]);
  assertEquals(rotated([], 2), []);
});

Deno.test("runRounds() alternates the systems and measures one at a time", async () => {
  let running = 0;
  const order: string[] = [];
  const results = await runRounds(
    [measurement(async (system) => {
      assertEquals(++running, 1);
      order.push(system);
      await Promise.resolve();
      return running--;
    })],
    bench,
    options,
  );
  assertEquals(order.join(""), "abcbcacab");
  assertEquals(results.map(({ system }) => system).join(""), "abcbcacab");
});

Deno.test("runRounds() stops at a failure, names the turn, and waits for turns that run", async () => {
  let ended = 0;
  const failing = measurement(async (system) => {
    await new Promise((resolve) => setTimeout(resolve, system === "b" ? 1 : 20));
    ended++;
    if (system === "b") throw new Error("no broker");
    return 1;
  });
  const smoke = parseOptions(["--smoke", "--rounds=9"], []);
  await assertRejects(() => runRounds([failing], bench, smoke), Error, "sum, b, round 1");
  assertEquals(ended, 3);
});
