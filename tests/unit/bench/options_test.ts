/** The command line of the benchmark. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { InvalidOptions, parseOptions } from "../../bench/kit/options.ts";

const NAMES = ["drain", "listing"];

Deno.test("parseOptions() reads numbers in exponential notation and repeated names", () => {
  const args = ["--records=1e7", "--only=drain", "--only=listing", "--rounds=5", "--peers"];
  const options = parseOptions(args, NAMES);
  assertEquals(
    [options.records, options.only, options.rounds, options.peers, options.smoke],
    [10_000_000, ["drain", "listing"], 5, true, false],
  );
});

Deno.test("parseOptions() makes a smoke run small, but flags win", () => {
  const smoke = parseOptions(["--smoke"], NAMES);
  assertEquals([smoke.rounds, smoke.smoke], [1, true]);
  assertEquals(parseOptions(["--smoke", "--tasks=7"], NAMES).tasks, 7);
  assertEquals(parseOptions([], NAMES).rounds, 3);
  const [short, long] = [parseOptions([], NAMES), parseOptions(["--long"], NAMES)];
  assertEquals([short.largeRounds, long.largeRounds], [1, 3]);
  assert(short.tasks < long.tasks && short.seconds < long.seconds);
});

Deno.test("parseOptions() names an invalid flag and its remedy", () => {
  const invalid = (args: string[], message: string) =>
    assertThrows(() => parseOptions(args, NAMES), InvalidOptions, message);
  invalid(["--only=drian"], "use one of drain, listing");
  invalid(["--rounds=0"], "--rounds=0 because it is not a positive number");
  invalid(["--records=many"], "--records=many");
  invalid(["--fast"], "--fast");
  invalid(["--smoke", "--long"], "use one of them");
});
