import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { cron } from "../../../shared/schedules/cron.ts";
import { InvalidInput } from "../../../shared/errors.ts";
import { upcoming } from "../../../shared/schedules/timing.ts";
import { dueAmong, type Fields, wallMinutes } from "../../support/wall_clock.ts";

function times(line: string, timezone: string, from: string, count: number): string[] {
  return upcoming(cron(line, timezone), new Date(from), count)
    .map((time) => time.toISOString().slice(0, 16).replace("T", " "));
}

function failure(line: string, timezone = "UTC"): InvalidInput {
  return assertThrows(() => cron(line, timezone), InvalidInput);
}

Deno.test("cron() reads Celery's grammar", () => {
  const from = "2026-01-01T00:00:00Z";
  assertEquals(times("*/20 * * * *", "UTC", from, 3), [
    "2026-01-01 00:20",
    "2026-01-01 00:40",
    "2026-01-01 01:00",
  ]);
  assertEquals(times("5 4 */10 * *", "UTC", from, 4), [
    "2026-01-01 04:05",
    "2026-01-11 04:05",
    "2026-01-21 04:05",
    "2026-01-31 04:05",
  ]);
  // Ranges wrap; names may have any length.
  assertEquals(times("0 22-1/2 * * saturday-MON", "UTC", from, 4), [
    "2026-01-03 00:00",
    "2026-01-03 22:00",
    "2026-01-04 00:00",
    "2026-01-04 22:00",
  ]);
  assertEquals(times("0 0 * nov-feb *", "UTC", "2026-02-27T12:00:00Z", 2), [
    "2026-02-28 00:00",
    "2026-11-01 00:00",
  ]);
  assertEquals(times("0 0 * * 7", "UTC", from, 1), times("0 0 * * 0", "UTC", from, 1));
  assertEquals(times("0 0 * * 5-7", "UTC", from, 4).map((text) => text.slice(8, 10)), [
    "02",
    "03",
    "04",
    "09",
  ]);
  assertEquals(times(" @Daily ", "UTC", from, 1), ["2026-01-02 00:00"]);
});

Deno.test("cron() requires all fields to match, including both day fields", () => {
  assertEquals(times("0 0 13 * fri", "UTC", "2026-01-01T00:00:00Z", 2), [
    "2026-02-13 00:00",
    "2026-03-13 00:00",
  ]);
});

Deno.test("cron() returns times strictly after the given time", () => {
  const next = cron("* * * * *", "UTC");
  const at = new Date("2026-01-01T00:00:00.000Z");
  assertEquals(next(at), new Date("2026-01-01T00:01:00Z"));
  assertEquals(next(new Date(at.getTime() - 1)), at);
  assertEquals(next(new Date(at.getTime() + 59_999)), new Date("2026-01-01T00:01:00Z"));
});

Deno.test("cron() returns undefined for a day that does not exist", () => {
  assertEquals(cron("0 0 30 2 *", "UTC")(new Date()), undefined);
});

Deno.test("cron() runs skipped times once at the end of the gap if hours are given", () => {
  const from = "2026-03-28T22:00:00Z"; // 02:00 to 03:00 is missing on the 29th, at 01:00 UTC
  assertEquals(times("30 2 * * *", "Europe/Berlin", from, 2), [
    "2026-03-29 01:00",
    "2026-03-30 00:30",
  ]);
  assertEquals(times("*/15 2 * * *", "Europe/Berlin", from, 2), [
    "2026-03-29 01:00",
    "2026-03-30 00:00",
  ]);
  assertEquals(times("30 * * * *", "Europe/Berlin", from, 4).at(-1), "2026-03-29 01:30");
});

Deno.test("cron() runs a repeated time once if hours are given, and twice with hour *", () => {
  const from = "2026-10-24T23:00:00Z"; // 02:00 to 03:00 comes twice on the 25th, from 00:00 and from 01:00 UTC
  assertEquals(times("30 2 * * *", "Europe/Berlin", from, 2), [
    "2026-10-25 00:30",
    "2026-10-26 01:30",
  ]);
  assertEquals(times("*/30 2,3 * * *", "Europe/Berlin", from, 4), [
    "2026-10-25 00:00",
    "2026-10-25 00:30",
    "2026-10-25 02:00",
    "2026-10-25 02:30",
  ]);
  assertEquals(times("30 * * * *", "Europe/Berlin", from, 4), [
    "2026-10-24 23:30",
    "2026-10-25 00:30",
    "2026-10-25 01:30",
    "2026-10-25 02:30",
  ]);
});

Deno.test("cron() names the invalid part of an expression and the allowed values", () => {
  const cases: [line: string, words: string[]][] = [
    ["", ["0 fields", "minute hour day-of-month month day-of-week", "@daily"]],
    ["* * * *", ["4 fields"]],
    ["* * * * * *", ["6 fields"]],
    ["60 * * * *", ["'60' is not a valid minute", "0 to 59"]],
    ["* 24 * * *", ["'24' is not a valid hour", "0 to 23"]],
    ["* * 0 * *", ["'0' is not a valid day of month", "1 to 31"]],
    ["* * * foo *", ["'foo' is not a valid month", "1 to 12 or jan to dec"]],
    ["* * * * 8", ["'8' is not a valid day of week", "0 to 7 or sun to sat"]],
    ["*/0 * * * *", ["step of '*/0' is 0"]],
    ["5/10 * * * *", ["'5/10' is not a valid minute", "a-b/n"]],
    ["1,,2 * * * *", ["'' is not a valid minute"]],
    ["1- * * * *", ["'1-' is not a valid minute"]],
    ["-5 * * * *", ["'-5' is not a valid minute"]],
    ["* * L * *", ["'L' is not a valid day of month"]],
    ["@often", ["1 fields"]],
  ];
  for (const [line, words] of cases) {
    const error = failure(line);
    assertEquals(error.field, "cron");
    for (const word of [`'${line}'`, ...words]) assertStringIncludes(error.message, word);
  }
  const error = failure("* * * * *", "Europe/Atlantis");
  assertEquals(error.field, "timezone");
  assertStringIncludes(error.message, "IANA");
});

/** Timezones with the day before a clock change in 2026: by an hour, by half an hour, at midnight; and one without a change. */
const CHANGES = [
  ["Europe/Berlin", "2026-03-28T12:00:00Z"],
  ["Europe/Berlin", "2026-10-24T12:00:00Z"],
  ["America/New_York", "2026-03-07T12:00:00Z"],
  ["America/New_York", "2026-10-31T12:00:00Z"],
  ["Australia/Lord_Howe", "2026-04-04T03:00:00Z"],
  ["Australia/Lord_Howe", "2026-10-03T03:00:00Z"],
  ["Africa/Cairo", "2026-04-23T10:00:00Z"],
  ["Africa/Cairo", "2026-10-29T10:00:00Z"],
  ["Asia/Seoul", "2026-03-28T12:00:00Z"],
] as const;

const DAYS = 2;

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function some(from: number, to: number): fc.Arbitrary<number[]> {
  return fc.uniqueArray(fc.integer({ min: from, max: to }), { minLength: 1, maxLength: 6 });
}

Deno.test("cron() follows local time across clock changes", () => {
  for (const [timezone, from] of CHANGES) {
    const start = new Date(from);
    const minutes = wallMinutes(timezone, start, DAYS);
    const end = minutes.at(-1)!.at;
    const everyDay = fc.constant(numbers(1, 31));
    const everyWeekday = fc.constant(numbers(0, 6));
    const lines = fc.record({
      minutes: some(0, 59),
      // Most changes happen between midnight and four.
      hours: fc.option(fc.oneof(some(0, 4), some(0, 23)), { nil: undefined }),
      days: fc.oneof({ weight: 3, arbitrary: everyDay }, some(1, 31)),
      weekdays: fc.oneof({ weight: 3, arbitrary: everyWeekday }, some(0, 6)),
    });
    fc.assert(
      fc.property(lines, (given) => {
        const fields: Fields = {
          minutes: new Set(given.minutes),
          hours: given.hours && new Set(given.hours),
          days: new Set(given.days),
          months: new Set(numbers(1, 12)),
          weekdays: new Set(given.weekdays),
        };
        const line = [given.minutes, given.hours ?? ["*"], given.days, ["*"], given.weekdays]
          .map((field) => field.join(",")).join(" ");
        const next = cron(line, timezone);
        const found: Date[] = [];
        for (let time = next(start); time && time <= end; time = next(time)) found.push(time);
        assertEquals(found, dueAmong(minutes, fields), `${line} in ${timezone}`);
      }),
      { numRuns: 60 },
    );
  }
});
