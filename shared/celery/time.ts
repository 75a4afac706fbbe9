/** Times on the wire: ISO 8601 in the form that every Celery version reads identically. */
import { InvalidInput, Malformed } from "../errors.ts";

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?)?)?$/;

/** First and last millisecond of Python's `datetime`: the years 1 to 9999. */
const EARLIEST = -62_135_596_800_000;
const LATEST = 253_402_300_799_999;

/** Writes a time as `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`. Always six digits, because Celery 5.2 reads the fraction as whole microseconds;
 * a numeric offset, because Python before 3.11 does not support `Z`.
 *
 * @throws {InvalidInput} when it is not a time of the years 1 to 9999
 *
 * @example
 * ```ts
 * import { fromIso, toIso } from "./time.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const date = fromIso("2026-11-23T17:20:37.16+01:00");
 * assertEquals(toIso(date), "2026-11-23T16:20:37.160000+00:00");
 * ```
 */
export function toIso(date: Date): string {
  const time = date.getTime();
  if (!(time >= EARLIEST && time <= LATEST)) {
    throw new InvalidInput(
      "Cannot send time because it is not within the years 1 to 9999: give a valid date",
    );
  }
  return `${date.toISOString().slice(0, -1)}000+00:00`;
}

/** Reads an ISO 8601 time with any offset and any number of fraction digits, to milliseconds. As in Celery, a time without an offset
 * is UTC.
 *
 * @throws {Malformed} when it is not such a time
 */
export function fromIso(text: string): Date {
  const parts = ISO.exec(text);
  if (!parts) throw malformed(text);
  const number = (index: number) => Number(parts[index] ?? 0);
  const [month, day, hour, minute, second] = [2, 3, 4, 5, 6].map(number) as Five;
  const date = new Date(0);
  date.setUTCFullYear(number(1), month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) throw malformed(text);
  if (hour > 23 || minute > 59 || second > 59) throw malformed(text);
  date.setUTCHours(hour, minute, second, Number((parts[7] ?? "").slice(0, 3).padEnd(3, "0")));
  if (number(9) > 23 || number(10) > 59 || number(11) > 59) throw malformed(text);
  const offset = (number(9) * 60 + number(10)) * 60 + number(11);
  date.setTime(date.getTime() - (parts[8] === "-" ? -offset : offset) * 1000);
  if (date.getTime() < EARLIEST || date.getTime() > LATEST) throw malformed(text);
  return date;
}

type Five = [number, number, number, number, number];

function malformed(text: string): Malformed {
  return new Malformed(
    `Cannot read time '${
      text.slice(0, 64)
    }' because it is not ISO 8601: write it like 2026-01-02T03:04:05+00:00`,
  );
}
