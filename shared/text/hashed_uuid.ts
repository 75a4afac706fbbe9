/** UUIDs made from a hash, so that the same input always gives the same id. */
import { createHash } from "node:crypto";

/** Milliseconds that a UUIDv7 can hold: 48 bits. */
const LATEST_MS = 2 ** 48 - 1;

/** A UUID from the SHA-256 of some texts, which may contain no NUL: it separates them.
 *
 * With a time it is a UUIDv7 of that millisecond with 74 bits of the hash (RFC 9562, section 5.7), so records of one time are stored
 * together. Without a time it is a UUIDv8 (section 5.8) of 122 bits of the hash.
 *
 * @param milliseconds since 1970; a time that a UUIDv7 cannot hold counts as the nearest one that it can
 *
 * @example
 * ```ts
 * import { hashedUuid } from "./hashed_uuid.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(hashedUuid(["shop", "17"], 0), "00000000-0000-7200-a054-a9202ce61e71");
 * assertEquals(hashedUuid(["shop", "17"])[14], "8");
 * ```
 */
export function hashedUuid(texts: readonly string[], milliseconds?: number): string {
  const hash = createHash("sha256").update(texts.join("\0")).digest("hex");
  const time = milliseconds === undefined
    ? hash.slice(0, 12)
    : Math.min(Math.max(Math.floor(milliseconds), 0), LATEST_MS).toString(16).padStart(12, "0");
  const variant = (parseInt(hash.slice(15, 16), 16) & 3 | 8).toString(16);
  return [
    time.slice(0, 8),
    time.slice(8),
    `${milliseconds === undefined ? 8 : 7}${hash.slice(12, 15)}`,
    variant + hash.slice(16, 19),
    hash.slice(20, 32),
  ].join("-");
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Creation time of a UUIDv7 in milliseconds; `undefined` for any other id. */
export function millisecondsOf(id: string): number | undefined {
  return UUID_V7.test(id) ? parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
