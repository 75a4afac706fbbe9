/** Cron: lines in Celery's grammar (celery/schedules.py, `crontab`), and when they come due in a timezone.
 *
 * All five fields must match; Vixie cron, unlike Celery, is content with either of the two day fields.
 *
 * Clock changes: a line whose hour is `*` goes with the time that passes, so it also runs in the hour that comes twice. A line that names
 * hours means the clock on the wall: what falls into the gap runs once at its end, and a time that comes twice runs the first time only.
 * @module
 */
import { Cron } from "croner";
import { InvalidInput } from "../errors.ts";

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Three letters each, from `min`. */
  readonly words?: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  {
    name: "month",
    min: 1,
    max: 12,
    words: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  },
  {
    name: "day of week",
    min: 0,
    max: 6,
    words: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
  },
];

const HOUR = 1;
const DAY_OF_WEEK = 4;

const NICKNAMES: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);

const PART = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/;

/** Compiles a line.
 *
 * @param line five fields `minute hour day-of-month month day-of-week`, each `*`, `n`, `a-b`, `a-b/n`, `*` with `/n` or a list of these with
 * commas; names by their first three letters; ranges wrap (`fri-mon`); Sunday is 0 or 7. Or `@yearly`, `@monthly`, `@weekly`, `@daily`, `@hourly`
 * @param timezone IANA name
 * @returns the first time after a given one; `undefined` when there is none
 * @throws {InvalidInput} `cron` or `timezone`, with what is wrong
 *
 * @example
 * ```ts
 * import { cron } from "./cron.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const next = cron("30 2 * * *", "Europe/Berlin");
 * assertEquals(next(new Date("2026-06-01T12:00:00Z")), new Date("2026-06-02T00:30:00Z"));
 * // 02:30 is in the gap that night: it runs at the gap's end.
 * assertEquals(next(new Date("2026-03-28T12:00:00Z")), new Date("2026-03-29T01:00:00Z"));
 * ```
 */
export function cron(line: string, timezone: string): (after: Date) => Date | undefined {
  checkTimezone(timezone);
  const compiled = new Cron(patternOf(line), {
    timezone,
    mode: "5-part",
    domAndDow: true,
    // Lists of hours mean the clock on the wall, as single hours do.
    fixedTimeRule: "no-wildcard",
    paused: true,
  });
  return (after) => compiled.nextRun(after) ?? undefined;
}

/** @throws {InvalidInput} `timezone` when there is no such one */
export function checkTimezone(timezone: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
  } catch (cause) {
    throw new InvalidInput(
      `Cannot use timezone '${timezone}' because there is no such one: give an IANA name, such as Europe/Berlin or UTC`,
      "timezone",
      { cause },
    );
  }
}

/** The line as five lists of numbers; `*` for a field that rules nothing out. Minutes are always listed: a wildcard there would make
 * croner take a line that names hours for one that goes with the time that passes. */
function patternOf(line: string): string {
  const given = line.trim();
  const fields = (NICKNAMES.get(given.toLowerCase()) ?? given).split(/\s+/);
  if (fields.length !== FIELDS.length) {
    throw refused(
      given,
      `it has ${fields.length === 1 && !given ? 0 : fields.length} fields`,
      `give five, 'minute hour day-of-month month day-of-week', or one of ${
        [...NICKNAMES.keys()].join(", ")
      }`,
    );
  }
  return fields.map((text, index) => {
    const field = FIELDS[index]!;
    const numbers = [...new Set(text.split(",").flatMap((part) => numbersOf(given, field, part)))];
    const all = numbers.length === field.max - field.min + 1;
    return all && index >= HOUR ? "*" : numbers.sort((a, b) => a - b).join(",");
  }).join(" ");
}

function numbersOf(line: string, field: Field, part: string): number[] {
  const [matched, first, last, step] = PART.exec(part) ?? [];
  if (matched === undefined || (step !== undefined && first !== undefined && last === undefined)) {
    throw refused(
      line,
      `'${part}' is no ${field.name}`,
      "write *, n, a-b, a-b/n, */n, or several of these with commas",
    );
  }
  if (step !== undefined && Number(step) === 0) {
    throw refused(line, `the step of '${part}' is 0`, "give one from 1");
  }
  const from = first === undefined ? field.min : numberOf(line, field, first);
  const to = first === undefined
    ? field.max
    : last === undefined
    ? from
    : numberOf(line, field, last);
  const size = field.max - field.min + 1;
  const numbers: number[] = [];
  for (let number = from; number <= (to < from ? to + size : to); number += Number(step ?? 1)) {
    numbers.push((number - field.min) % size + field.min);
  }
  return numbers;
}

function numberOf(line: string, field: Field, text: string): number {
  const { name, min, max, words = [] } = field;
  const most = field === FIELDS[DAY_OF_WEEK] ? 7 : max;
  const word = words.indexOf(text.slice(0, 3).toLowerCase());
  const number = /^\d+$/.test(text) ? Number(text) : word < 0 ? NaN : min + word;
  if (number >= min && number <= most) return number;
  const names = words.length ? ` or ${words[0]} to ${words.at(-1)}` : "";
  throw refused(line, `'${text}' is no ${name}`, `give ${min} to ${most}${names}`);
}

function refused(line: string, reason: string, remedy: string): InvalidInput {
  return new InvalidInput(`Cannot use cron '${line}' because ${reason}: ${remedy}`, "cron");
}
