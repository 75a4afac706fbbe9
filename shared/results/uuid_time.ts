/** UUIDv7: ids that contain their creation time. */
import { v7 } from "uuid";
import { millisecondsOf } from "../text/hashed_uuid.ts";

/** Creation time of a UUIDv7 in milliseconds (RFC 9562, section 5.7); `undefined` for any other id.
 *
 * @example
 * ```ts
 * import { timeOf } from "./uuid_time.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(timeOf("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), new Date("2022-02-22T19:22:22Z"));
 * assertEquals(timeOf("order-17"), undefined);
 * ```
 */
export function timeOf(id: string): Date | undefined {
  const milliseconds = millisecondsOf(id);
  return milliseconds === undefined ? undefined : new Date(milliseconds);
}

/** A new UUIDv7.
 *
 * @param now time of the database's clock: records are partitioned by it, and every process treats a young id as PENDING
 *
 * @example
 * ```ts
 * import { newId, timeOf } from "./uuid_time.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const now = new Date("2022-02-22T19:22:22Z");
 * assertEquals(timeOf(newId(now)), now);
 * ```
 */
export function newId(now: Date): string {
  if (used === randomBytes.length) {
    crypto.getRandomValues(randomBytes);
    used = 0;
  }
  const random = randomBytes.subarray(used, used += ID_BYTES);
  return v7({ msecs: now.getTime(), random });
}

/** Bytes of a UUID. */
const ID_BYTES = 16;

/** Random bytes of 256 ids, because each call into the system's generator costs more than the rest of an id. */
const randomBytes = new Uint8Array(256 * ID_BYTES);

/** Bytes that ids have used. */
let used = randomBytes.length;
