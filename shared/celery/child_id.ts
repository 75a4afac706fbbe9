/** Deterministic ids for follow-up tasks. If a follow-up is sent twice, both copies have one id, and the second finds a final record. */
import { hashedUuid, millisecondsOf } from "../text/hashed_uuid.ts";

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
  const time = millisecondsOf(parent);
  let count = 0;
  return () => hashedUuid([parent, label, String(count++)], time);
}
