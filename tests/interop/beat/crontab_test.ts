/** Compares cron() with Celery's `crontab` over a year. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { cron } from "../../../shared/schedules/cron.ts";
import { celeryStack } from "../../support/celery_stacks.ts";

const FROM = "2026-01-01T00:00:00+00:00";
const TO = "2027-01-01T00:00:00+00:00";
const HOUR_MS = 3_600_000;

/** Clock changes in UTC. Due times differ in the hour after them, as described in docs/learn/schedules.md. */
const CHANGES: Readonly<Record<string, readonly string[]>> = {
  "Europe/Berlin": ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"],
  "America/New_York": ["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"],
  "Asia/Seoul": [],
  "UTC": [],
};

const list = (from: number, to: number, most: number) =>
  fc.uniqueArray(fc.integer({ min: from, max: to }), { minLength: 1, maxLength: most })
    .map((numbers) => numbers.join(","));

const LINES = fc.record({
  minute: fc.oneof(list(0, 59, 2), fc.constant("*/30")),
  hour: fc.oneof(list(0, 5, 2), list(0, 23, 2), fc.constantFrom("*/6", "22-2", "1-9/4")),
  day: fc.oneof({ weight: 3, arbitrary: fc.constant("*") }, list(1, 31, 3), fc.constant("*/2")),
  month: fc.oneof({ weight: 3, arbitrary: fc.constant("*") }, fc.constantFrom("nov-feb", "3,10")),
  weekday: fc.oneof(
    { weight: 2, arbitrary: fc.constant("*") },
    fc.constantFrom("fri-mon", "0", "1-5", "*/3"),
  ),
}).map(({ minute, hour, day, month, weekday }) => `${minute} ${hour} ${day} ${month} ${weekday}`);

Deno.test("cron() has the due times of Celery's (c57) crontab, except in the hour after a clock change", async () => {
  const stack = await celeryStack("c57");
  const lines = [
    "30 2 * * *",
    "*/20 2 * * *",
    "0 * * * *",
    "0 0 13 * fri",
    ...fc.sample(LINES, { numRuns: 25, seed: 8 }),
  ];
  const cases = lines.flatMap((line) => Object.keys(CHANGES).map((zone) => [line, zone] as const));
  const told: string[][] = JSON.parse(
    await stack.run(
      new URL("crontabs.py", import.meta.url),
      [JSON.stringify(cases.map((one) => [...one, FROM, TO]))],
      { timeoutMs: 120_000 },
    ),
  );
  let compared = 0;
  for (const [index, [line, zone]] of cases.entries()) {
    const changes = CHANGES[zone]!.map((time) => Date.parse(time));
    const calm = (time: number) =>
      !changes.some((change) => time >= change && time < change + HOUR_MS);
    const next = cron(line, zone);
    const ours: number[] = [];
    for (let time = next(new Date(FROM)); time && time < new Date(TO); time = next(time)) {
      ours.push(time.getTime());
    }
    const theirs = told[index]!.map((time) => Date.parse(time));
    assertEquals(ours.filter(calm), theirs.filter(calm), `${line} in ${zone}`);
    compared += theirs.length;
  }
  assert(compared > 50_000, String(compared));
});
