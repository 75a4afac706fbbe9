/** Rounds: the order of the systems, and failures. */
import { assertEquals, assertRejects } from "@std/assert";
import { type BenchOptions, parseOptions } from "../../bench/kit/options.ts";
import { rotated, runRounds, selectSystems } from "../../bench/kit/rounds.ts";
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

Deno.test("runRounds() measures the others if one fails, and keeps its reason", async () => {
  const failing = measurement((system) => {
    if (system !== "b") return Promise.resolve(1);
    return Promise.reject(
      new Error("the program failed:\nTraceback\nTimeoutError: no broker\n    at run (x.ts:1:2)\n"),
    );
  });
  const results = await runRounds([failing], bench, options);
  assertEquals(results.map(({ system }) => system).join(""), "abcbcacab");
  for (const { system, failure, samples } of results) {
    assertEquals(failure, system === "b" ? "TimeoutError: no broker" : undefined);
    assertEquals(samples.length, system === "b" ? 0 : 1);
  }
});

Deno.test("runRounds() runs all measurements in each round and reports each complete one", async () => {
  const names = ["first", "second"];
  const both = names.map((name) => ({ ...measurement(() => Promise.resolve(1)), name }));
  const reported: string[] = [];
  await runRounds(both, bench, options, (results, rounds) => {
    const last = results.slice(-6).map((one) => `${one.measurement[0]}${one.system}`);
    reported.push(`${rounds}: ${results.length} ${last.join(" ")}`);
    return Promise.resolve();
  });
  assertEquals(reported, [
    "1: 6 fa fb fc sa sb sc",
    "2: 12 fb fc fa sb sc sa",
    "3: 18 fc fa fb sc sa sb",
  ]);
});

Deno.test("runRounds() ends when the run is interrupted, after the turns that run", async () => {
  const stopped = new AbortController();
  let ended = 0;
  const interrupted = measurement(async (system) => {
    await new Promise((resolve) => setTimeout(resolve, system === "b" ? 1 : 20));
    ended++;
    if (system === "b") stopped.abort(new Error("interrupted"));
    stopped.signal.throwIfAborted();
    return 1;
  });
  const smoke = parseOptions(["--smoke", "--rounds=9"], []);
  const running = runRounds([interrupted], { ...bench, signal: stopped.signal }, smoke);
  await assertRejects(() => running, Error, "interrupted");
  assertEquals(ended, 3);
});

Deno.test("runRounds() measures large contestants in fewer rounds, and only chosen systems", async () => {
  const small = measurement(() => Promise.resolve(1));
  const large: Measurement = {
    ...small,
    contestants: (...given) =>
      small.contestants(...given).map((one) => ({ ...one, large: one.system.name === "b" })),
  };
  const systems = async (...flags: string[]) => {
    const results = await runRounds([large], bench, parseOptions(["--rounds=2", ...flags], []));
    return results.map(({ system }) => system).join("");
  };
  assertEquals(await systems(), "abcca");
  assertEquals(await systems("--long"), "abcbca");
  assertEquals(await systems("--system=c", "--system=a"), "acca");
});

Deno.test("selectSystems() takes a prefix only without an exact name", () => {
  const all = ["Celeriac", "Celeriac, 2 workers", "BullMQ, always", "BullMQ, everysec"]
    .map((name) => ({ system: { name, durability: "" } }));
  const select = (...names: string[]) => selectSystems(all, names).map(({ system }) => system.name);
  assertEquals(select("Celeriac"), ["Celeriac"]);
  assertEquals(select("BullMQ", "Celeriac"), ["Celeriac", "BullMQ, always", "BullMQ, everysec"]);
  assertEquals(select("Celer"), []);
  assertEquals(select().length, 4);
});
