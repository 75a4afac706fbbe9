/** A first-in, first-out queue. `Array.shift()` moves all other items of a long array each time. */

/** Items in the order of their arrival.
 *
 * @example
 * ```ts
 * import { WaitingQueue } from "./waiting_queue.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new WaitingQueue<string>();
 * queue.push("a");
 * queue.push("b");
 * assertEquals(queue.shift(), "a");
 * assertEquals(queue.takeAll(), ["b"]);
 * assertEquals(queue.length, 0);
 * ```
 */
export class WaitingQueue<Item> {
  #items: Item[] = [];
  /** Number of items at the start that are taken. */
  #taken = 0;

  get length(): number {
    return this.#items.length - this.#taken;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Removes the first item; returns it, or `undefined` if there is none. */
  shift(): Item | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#taken++];
    if (2 * this.#taken > this.#items.length) {
      this.#items.splice(0, this.#taken);
      this.#taken = 0;
    }
    return item;
  }

  /** Removes all items; returns them. */
  takeAll(): Item[] {
    const all = this.#items.slice(this.#taken);
    this.#items = [];
    this.#taken = 0;
    return all;
  }
}
