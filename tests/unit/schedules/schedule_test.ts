import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../shared/errors.ts";
import { defineTask, schedule, z } from "../../../shared/mod.ts";
import { type ScheduleDefinition, schedulesOf } from "../../../shared/schedules/schedule.ts";

const report = defineTask({
  name: "report",
  input: z.object({ days: z.int(), to: z.string().optional() }),
});

function failure(definition: Partial<ScheduleDefinition>): string {
  const whole = { name: "nightly", task: "report", cron: "0 2 * * *", ...definition };
  return assertThrows(() => schedule(whole), ConfigurationError).message;
}

Deno.test("schedule() is frozen and complete", () => {
  const nightly = schedule({
    name: "nightly",
    task: report,
    cron: "0 2 * * *",
    kwargs: { days: 1 },
  });
  assertEquals(
    JSON.parse(JSON.stringify(nightly)),
    {
      name: "nightly",
      signature: { task: "report", args: [], kwargs: { days: 1 }, options: {} },
      cron: "0 2 * * *",
      timezone: "UTC",
      every: null,
      missed: "once",
    },
  );
  assertEquals(Object.isFrozen(nightly), true);
  const often = schedule({ name: "often", task: report, every: 30, args: [1], missed: "all" });
  assertEquals([often.every, often.timezone, often.missed], [30, null, "all"]);
});

Deno.test("schedule() refuses invalid definitions and names the schedule", () => {
  const cases: [Partial<ScheduleDefinition>, string[]][] = [
    [{ name: "a b" }, ["name 'a b'", "rename it"]],
    [{ every: 5, options: { queue: "celery" } }, ["exactly one of `cron` and `every`"]],
    [{ cron: "0 0 30 2 *", options: { queue: "celery" } }, ["no day matches it"]],
    [{ cron: "61 * * * *", options: { queue: "celery" } }, ["'61' is not a valid minute"]],
    [{ timezone: "Mars", options: { queue: "celery" } }, ["timezone 'Mars'"]],
    [{ task: report, kwargs: { days: 1.5 } }, ["'report'", "kwargs.days"]],
    [{ task: report, args: ["x"] }, ["args.0"]],
    [{ task: report, args: [1, "me", 3] }, ["takes 2 at most"]],
    [{}, ["neither a contract nor a queue", "options.queue"]],
  ];
  for (const [definition, words] of cases) {
    const message = failure(definition);
    assertStringIncludes(message, `schedule '${definition.name ?? "nightly"}'`);
    for (const word of words) assertStringIncludes(message, word);
  }
});

Deno.test("schedulesOf() finds single schedules and arrays, and refuses duplicate names", () => {
  const one = schedule({ name: "one", task: report, every: 5, args: [1] });
  const two = schedule({ name: "two", task: report, every: 5, args: [1] });
  const found = schedulesOf({ report, one, list: [two, one], other: 1 });
  assertEquals(found.map(({ name }) => name), ["one", "two"]);
  const twin = schedule({ name: "one", task: report, every: 7, args: [1] });
  assertThrows(() => schedulesOf({ one, twin }), ConfigurationError, "rename one of them");
});
