/** Cron expressions in Celery's grammar (celery/schedules.py, `crontab`) and their due times in a timezone.
 *
 * All five fields must match. Vixie cron, unlike Celery, requires only one of the two day fields to match.
 *
 * Daylight saving time: an expression with hour `*` follows elapsed time, so it runs in both repetitions of a repeated hour. An expression
 * with given hours follows local time: due times in the skipped hour run once at its end, and a repeated time runs only the first time.
 * @module
 */
import { Cron } from "croner";
import { InvalidInput } from "../errors.ts";

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Three-letter names, starting at `min`. */
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

/** Compiles an expression.
 *
 * @param line five fields `minute hour day-of-month month day-of-week`. Each is `*`, `n`, `a-b`, `a-b/n`, `*` with `/n`, or a comma-separated
 * list of these. Names match by their first three letters; ranges wrap (`fri-mon`); Sunday is 0 or 7. Or one of `@yearly`, `@monthly`,
 * `@weekly`, `@daily`, `@hourly`
 * @param timezone IANA name
 * @returns the first time after a given one; `undefined` when there is none
 * @throws {InvalidInput} `cron` or `timezone`, with the reason
 *
 * @example
 * ```ts
 * import { cron } from "./cron.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const next = cron("30 2 * * *", "Europe/Berlin");
 * assertEquals(next(new Date("2026-06-01T12:00:00Z")), new Date("2026-06-02T00:30:00Z"));
 * // 02:30 is skipped that night: it runs at the end of the gap.
 * assertEquals(next(new Date("2026-03-28T12:00:00Z")), new Date("2026-03-29T01:00:00Z"));
 * ```
 */
export function cron(line: string, timezone: string): (after: Date) => Date | undefined {
  checkTimezone(timezone);
  const compiled = new Cron(patternOf(line), {
    timezone,
    mode: "5-part",
    domAndDow: true,
    // Lists of hours follow local time, like single hours.
    fixedTimeRule: "no-wildcard",
    paused: true,
  });
  return (after) => compiled.nextRun(after) ?? undefined;
}

/** @throws {InvalidInput} `timezone` when it does not exist */
export function checkTimezone(timezone: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
  } catch (cause) {
    throw new InvalidInput(
      `Cannot use timezone '${timezone}' because it does not exist: give an IANA name, such as Europe/Berlin or UTC`,
      "timezone",
      { cause },
    );
  }
}

/** The expression as five lists of numbers, with `*` for a field that matches every value. Minutes are always listed, because with a
 * wildcard there croner would apply elapsed time to an expression with given hours. */
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
      `'${part}' is not a valid ${field.name}`,
      "write *, n, a-b, a-b/n, */n, or a comma-separated list of these",
    );
  }
  if (step !== undefined && Number(step) === 0) {
    throw refused(line, `the step of '${part}' is 0`, "give at least 1");
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
  throw refused(line, `'${text}' is not a valid ${name}`, `give ${min} to ${most}${names}`);
}

function refused(line: string, reason: string, remedy: string): InvalidInput {
  return new InvalidInput(`Cannot use cron '${line}' because ${reason}: ${remedy}`, "cron");
}
