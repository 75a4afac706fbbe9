/** Final results in memory: they never change, so asking the database again is waste. */
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";

/** Bytes of results kept, whatever their number: 32 MiB. */
const BYTES_MAX = 32 * 1024 * 1024;

/** An answer and its strong validator. */
export interface FinalAnswer {
  readonly json: string;
  readonly etag: string;
}

/** The validator of an answer. */
export function etagOf(json: string): string {
  return `"${createHash("sha256").update(json).digest("base64url").slice(0, 22)}"`;
}

/** Answers by task id, the least recently used dropped first; bounded by number and by bytes. */
export class ResultCache {
  readonly #answers: LRUCache<string, FinalAnswer> | undefined;

  /** @param entries 0 turns the cache off */
  constructor(entries: number) {
    if (entries === 0) return;
    this.#answers = new LRUCache<string, FinalAnswer>({
      max: entries,
      maxSize: BYTES_MAX,
      sizeCalculation: ({ json }, id) => 2 * (json.length + id.length) + 64,
    });
  }

  get(id: string): FinalAnswer | undefined {
    return this.#answers?.get(id);
  }

  set(id: string, answer: FinalAnswer): void {
    this.#answers?.set(id, answer);
  }

  /** Drops what is known of one task. */
  drop(id: string): void {
    this.#answers?.delete(id);
  }
}
