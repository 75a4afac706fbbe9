/** Deterministic ids for follow-up tasks. If a follow-up is sent twice, both copies have one id, and the second finds a final record. */
import { createHash } from "node:crypto";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Derives a deterministic sequence of ids from the id of the preceding task.
 *
 * The children of a UUIDv7 have its timestamp, so the records of a workflow are stored together and expire together. Other ids give
 * UUIDs of version 8 (RFC 9562, section 5.8).
 *
 * @param parent id of the task, chord or workflow
 * @param label distinguishes the sequences of one parent
 *
 * @example
 * ```ts
 * import { childIds } from "./child_id.ts";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * const [one, again] = [childIds("parent", "chain"), childIds("parent", "chain")];
 * const first = one();
 * assertEquals(again(), first);
 * assertNotEquals(one(), first);
 * ```
 */
export function childIds(parent: string, label: string): () => string {
  let count = 0;
  return () => {
    const hash = createHash("sha256").update(`${parent}\0${label}\0${count++}`).digest("hex");
    const ordered = UUID_V7.test(parent);
    const time = ordered
      ? parent.replaceAll("-", "").slice(0, 12).toLowerCase()
      : hash.slice(0, 12);
    const variant = (parseInt(hash.slice(15, 16), 16) & 3 | 8).toString(16);
    return [
      time.slice(0, 8),
      time.slice(8),
      `${ordered ? 7 : 8}${hash.slice(12, 15)}`,
      variant + hash.slice(16, 19),
      hash.slice(20, 32),
    ].join("-");
  };
}
