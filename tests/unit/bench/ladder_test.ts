/** The ladder: its rows. */
import { assertEquals } from "@std/assert";
import { rungs } from "../../bench/measurements/ladder.ts";
import { PROMISES } from "../../bench/programs/promises.ts";

Deno.test("rungs() adds one promise to each row, and ends with Celeriac", () => {
  const names = rungs().map(({ name }) => name);
  assertEquals(names.at(-1), "Celeriac");
  assertEquals(names.length, Object.keys(PROMISES).length + 2);
  assertEquals(new Set(names).size, names.length);
  assertEquals(
    names.slice(0, -1).map((name) => parseInt(name)),
    names.slice(1).map((_, at) => at + 1),
  );
});
