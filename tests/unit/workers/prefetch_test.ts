import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { defineTask } from "../../../shared/contracts/task.ts";
import { Prefetch, prefetchFor } from "../../../workers/prefetch.ts";

const inline = { size: 32 };
const children = { size: 2 };
const others = { size: 2 };
const input = z.object({});
const fast = defineTask({ name: "fast", queue: "celeriac.fast", input });
const slow = defineTask({ name: "slow", queue: "celeriac.slow", input, run: "process" });
const both = [
  defineTask({ name: "both.fast", queue: "celeriac.both", input }),
  defineTask({ name: "both.slow", queue: "celeriac.both", input, run: "process" }),
];
const pools = [
  defineTask({ name: "pools.one", queue: "celeriac.pools", input, run: "process" }),
  defineTask({ name: "pools.two", queue: "celeriac.pools", input, run: "process" }),
];

function prefetch(factor = 8): Prefetch {
  return new Prefetch({
    tasks: (queue) => [fast, slow, ...both, ...pools].filter((task) => task.queue === queue),
    slots: ({ name, run }) => run !== "process" ? inline : name === "pools.two" ? others : children,
    inline,
    factor,
  });
}

Deno.test("prefetchFor() is more than the slots, and at most slots times the factor", () => {
  for (const places of [1, 2, 32, 10_000]) {
    for (const factor of [1, 1.5, 8, 100]) {
      for (const mean of [0, 1e-6, 0.01, 1, 1e6, Infinity]) {
        const prefetch = prefetchFor(places, mean, factor);
        assert(Number.isInteger(prefetch) && prefetch <= 65_535, `${prefetch}`);
        assert(prefetch <= Math.ceil(places * factor));
        assert(prefetch >= Math.min(places + 1, Math.ceil(places * factor)));
      }
    }
  }
});

Deno.test("Prefetch.of() counts tasks in child processes as slow until they have run", () => {
  const sized = prefetch();
  assertEquals(sized.of("celeriac.slow"), 3);
  assertEquals(sized.of("celeriac.pools"), 5);
  for (let run = 0; run < 50; run++) sized.ran("celeriac.slow", slow, 0.01);
  assertEquals(sized.of("celeriac.slow"), 12);
  assert(sized.isOutdated("celeriac.slow", 3));
  for (let run = 0; run < 50; run++) sized.ran("celeriac.slow", slow, 15);
  assertEquals(sized.of("celeriac.slow"), 3);
  assert(sized.isOutdated("celeriac.slow", 12) && !sized.isOutdated("celeriac.slow", 4));
});

Deno.test("Prefetch.of() decreases for slow inline tasks, and leaves room beside slow children", () => {
  const sized = prefetch();
  assertEquals(sized.of("celeriac.fast"), 256);
  assertEquals(sized.of("another.system"), 256);
  for (let run = 0; run < 50; run++) sized.ran("celeriac.fast", fast, 10);
  assertEquals(sized.of("celeriac.fast"), 33);
  for (const task of both) for (let run = 0; run < 50; run++) sized.ran("celeriac.both", task, 10);
  assertEquals(sized.of("celeriac.both"), 256 + 3);
});

Deno.test("Prefetch.of() respects a factor of 1", () => {
  const sized = prefetch(1);
  assertEquals(sized.of("celeriac.fast"), 32);
  assertEquals(sized.of("celeriac.slow"), 2);
});
