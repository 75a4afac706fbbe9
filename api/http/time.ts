/** The format of times in requests. */
import { z } from "zod";

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
});
