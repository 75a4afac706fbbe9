/** The format of times in requests. */
import { z } from "zod";

const FIRST = Date.parse("0001-01-01T00:00:00Z");
const LAST = Date.parse("9999-12-31T23:59:59.999Z");

/** Whether a time is in the years 1 to 9999 (UTC), which ISO 8601 writes with four digits. Postgres has no year 0. */
export function isInRange(at: Date): boolean {
  return at.getTime() >= FIRST && at.getTime() <= LAST;
}

/** The schema of a time: ISO 8601 with seconds and a time zone.
 *
 * @example
 * ```ts
 * import { time } from "./time.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const given = ["2030-01-02T03:04:05Z", "2030-01-02T03:04:05+09:00", "2030-01-02T03:04:05"];
 * assertEquals(given.map((text) => time.safeParse(text).success), [true, true, false]);
 * ```
 */
export const time = z.iso.datetime({
  offset: true,
  error: "expected ISO 8601 with seconds and a time zone, such as 2030-01-02T03:04:05Z",
}).refine((text) => isInRange(new Date(text)), "expected a year from 1 to 9999");
