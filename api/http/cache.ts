/** Caches final results, which never change, in memory. */
import { LRUCache } from "lru-cache";
import type { Answer } from "./conditional.ts";

/** Maximum total size in bytes: 32 MiB. */
const BYTES_MAX = 32 * 1024 * 1024;

/** An LRU cache of responses by task id, limited by entries and bytes. */
export class ResultCache {
  readonly #answers: LRUCache<string, Answer> | undefined;

  /** @param entries maximum entries; 0 disables the cache */
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

  /** Evicts one task. */
  drop(id: string): void {
    this.#answers?.delete(id);
  }
}
