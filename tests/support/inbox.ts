/** Collects what arrives, so that a test can wait for it. */

/** Items in the order of their arrival. */
export class Inbox<Item> {
  readonly #items: Item[] = [];
  readonly #waiting: ((item: Item) => void)[] = [];

  /** Takes an item in. Bound, so that it can be handed out as a callback. */
  readonly put = (item: Item): void => {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(item);
    else this.#items.push(item);
  };

  /** How many are here and not taken. */
  get size(): number {
    return this.#items.length;
  }

  /** The next item.
   *
   * @throws when none comes within 60 s */
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

  /** The next items, as many as asked for. */
  async take(count: number): Promise<Item[]> {
    const taken: Item[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }
}
