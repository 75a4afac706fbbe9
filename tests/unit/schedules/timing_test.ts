import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { InvalidInput } from "../../../shared/errors.ts";
import { missed, nextOf, upcoming } from "../../../shared/schedules/timing.ts";

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000);
const every = (seconds: number) => nextOf({ every: seconds, anchor: at(0) });

Deno.test("nextOf() keeps the grid of an interval after a delay", () => {
  assertEquals(every(10)(at(0)), at(10));
  assertEquals(every(10)(at(9.999)), at(10));
  assertEquals(every(10)(at(10)), at(20));
  assertEquals(every(10)(at(86_400.5)), at(86_410));
  assertEquals(every(1.5)(at(1)), at(1.5));
});

Deno.test("nextOf() waits one interval after the anchor", () => {
  assertEquals(every(10)(at(-100)), at(10));
});

Deno.test("nextOf() refuses invalid intervals", () => {
  for (const seconds of [0, -1, 0.999, NaN, Infinity, 1e12]) {
    const error = assertThrows(() => every(seconds), InvalidInput);
    assertEquals(error.field, "every");
    assertStringIncludes(error.message, "1 to 316224000 seconds");
  }
});

Deno.test("upcoming() returns at most the given number of times", () => {
  assertEquals(upcoming(every(10), at(5), 3), [at(10), at(20), at(30)]);
  assertEquals(upcoming(nextOf({ cron: "0 0 30 2 *", timezone: "UTC" }), at(0), 3), []);
});

Deno.test("missed() returns the newest due times, including now", () => {
  assertEquals(missed(every(10), at(0), at(30), 100), [at(10), at(20), at(30)]);
  assertEquals(missed(every(10), at(0), at(39.9), 2), [at(20), at(30)]);
  assertEquals(missed(every(10), at(30), at(39), 100), []);
  assertEquals(missed(every(10), at(40), at(39), 100), []);
});

Deno.test("missed() does not walk through a long outage", () => {
  let asked = 0;
  const next = nextOf({ every: 1, anchor: at(0) });
  const counting = (after: Date) => {
    asked++;
    return next(after);
  };
  const year = 365 * 86_400;
  assertEquals(missed(counting, at(0), at(year), 1), [at(year)]);
  assertEquals(asked < 200, true, String(asked));
});

Deno.test("missed() finds rare due times", () => {
  const yearly = nextOf({ cron: "0 0 1 1 *", timezone: "UTC" });
  const [newest] = missed(yearly, new Date("2016-06-01T00:00:00Z"), at(86_400 * 300), 1);
  assertEquals(newest, at(0));
});
