/** Final results in memory: they never change, so asking the database again is waste. */
import { LRUCache } from "lru-cache";
import type { Answer } from "./conditional.ts";

/** Bytes of results kept, whatever their number: 32 MiB. */
const BYTES_MAX = 32 * 1024 * 1024;

/** Answers by task id, the least recently used dropped first; bounded by number and by bytes. */
export class ResultCache {
  readonly #answers: LRUCache<string, Answer> | undefined;

  /** @param entries 0 turns the cache off */
  constructor(entries: number) {
    if (entries === 0) return;
    this.#answers = new LRUCache<string, Answer>({
      max: entries,
      maxSize: BYTES_MAX,
      sizeCalculation: ({ body }, id) => 2 * (body.length + id.length) + 64,
    });
  }

  get(id: string): Answer | undefined {
    return this.#answers?.get(id);
  }

  set(id: string, answer: Answer): void {
    this.#answers?.set(id, answer);
  }

  /** Drops what is known of one task. */
  drop(id: string): void {
    this.#answers?.delete(id);
  }
}
