import { assertAlmostEquals, assertEquals } from "@std/assert";
import { type CountedMinute, ratesOf } from "../../../../cli/top/rates.ts";

const minute = (at: string, counts: Partial<CountedMinute> = {}): CountedMinute => ({
  at: `2030-01-02T${at}Z`,
  succeeded: 0,
  failed: 0,
  retried: 0,
  rejected: 0,
  revoked: 0,
  ...counts,
});

const until = "2030-01-02T03:05:15Z";

Deno.test("ratesOf() counts outcomes per second, by queue and in all", () => {
  const { total, queues } = ratesOf({
    until,
    series: [
      { queue: "a", points: [minute("03:05:00", { succeeded: 30, failed: 6, revoked: 6 })] },
      { queue: "b", points: [minute("03:05:00", { retried: 12, rejected: 18 })] },
      { queue: "c", points: [] },
    ],
  });
  assertEquals(queues.get("a"), { tasks: 0.7, failures: 0.1, retries: 0 });
  assertEquals(queues.get("b"), { tasks: 0.3, failures: 0.3, retries: 0.2 });
  assertEquals(queues.get("c"), { tasks: 0, failures: 0, retries: 0 });
  assertAlmostEquals(total.tasks, 1);
  assertAlmostEquals(total.failures, 0.4);
});

Deno.test("ratesOf() counts three quarters of the minute before, and nothing older", () => {
  const points = [
    minute("03:03:00", { succeeded: 6000 }),
    minute("03:04:00", { succeeded: 80 }),
    minute("03:05:00", { succeeded: 60 }),
  ];
  assertEquals(ratesOf({ until, series: [{ queue: "a", points }] }).total.tasks, 2);
  assertEquals(ratesOf({ until, series: [] }).total, { tasks: 0, failures: 0, retries: 0 });
});
