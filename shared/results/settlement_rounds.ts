/** Divides settlements so that one statement has each id once. */
import { sanitizeText } from "../database/sanitize_text.ts";
import type { Settlement } from "./result.ts";

/** Whether one round has all settlements: nearly always, because a later settlement replaces a waiting one of its task. */
export function hasUniqueIds(settlements: readonly Pick<Settlement, "id">[]): boolean {
  const ids = new Set<string>();
  for (const { id } of settlements) ids.add(sanitizeText(id));
  return ids.size === settlements.length;
}

/** Indexes of settlements in rounds: each id, as it is stored, occurs once per round, in its original order.
 *
 * @example
 * ```ts
 * import { rounds } from "./settlement_rounds.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(rounds([{ id: "a" }, { id: "b" }, { id: "a" }]), [[0, 1], [2]]);
 * ```
 */
export function rounds(settlements: readonly Pick<Settlement, "id">[]): number[][] {
  const seen = new Map<string, number>();
  const result: number[][] = [];
  for (let index = 0; index < settlements.length; index++) {
    const id = sanitizeText(settlements[index]!.id);
    const round = seen.get(id) ?? 0;
    seen.set(id, round + 1);
    (result[round] ??= []).push(index);
  }
  return result;
}
