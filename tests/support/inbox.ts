/** Collects items so that a test can wait for them. */

/** Items in order of arrival. */
export class Inbox<Item> {
  readonly #items: Item[] = [];
  readonly #waiting: ((item: Item) => void)[] = [];

  /** Adds an item. Bound, so that it can be passed as a callback. */
  readonly put = (item: Item): void => {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(item);
    else this.#items.push(item);
  };

  /** Number of items that have not been taken. */
  get size(): number {
    return this.#items.length;
  }

  /** Takes the next item.
   *
   * @throws if none arrives within 60 s */
  next(): Promise<Item> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("Nothing arrived within 60 s")), 60_000);
      this.#waiting.push((arrived) => {
        clearTimeout(late);
        resolve(arrived);
      });
    });
  }

  /** Takes the next `count` items. */
  async take(count: number): Promise<Item[]> {
    const taken: Item[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }
}
