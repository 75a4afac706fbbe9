/** Places for running handlers: so many at once, the others wait in line. */

/** A counting semaphore, first come first served, that can be resized and closed. */
export class Semaphore {
  #size: number;
  /** Below zero while more are taken than there are since it shrank. */
  #free: number;
  #closed = false;
  readonly #line: ((granted: boolean) => void)[] = [];

  constructor(size: number) {
    this.#size = size;
    this.#free = size;
  }

  /** Handlers at once. */
  get size(): number {
    return this.#size;
  }

  /** Handlers running now. */
  get taken(): number {
    return this.#size - this.#free;
  }

  /** Makes places, or lets them go as they are given back. */
  resize(size: number): void {
    this.#free += size - this.#size;
    this.#size = size;
    while (this.#free > 0 && this.#line.length > 0) {
      this.#free--;
      this.#line.shift()?.(true);
    }
  }

  /** Takes a place at once if there is one, otherwise when it is one's turn.
   *
   * @param waiting its `waitSignal` aborts when one leaves the line; asked for only where one has to wait
   * @returns `false` when one has left, or closed: there will be none */
  acquire(waiting?: { readonly waitSignal: AbortSignal }): boolean | Promise<boolean> {
    if (this.#closed) return false;
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    const waitSignal = waiting?.waitSignal;
    if (waitSignal?.aborted) return false;
    return new Promise((resolve) => {
      this.#line.push(resolve);
      waitSignal?.addEventListener("abort", () => {
        const index = this.#line.indexOf(resolve);
        if (index < 0) return;
        this.#line.splice(index, 1);
        resolve(false);
      });
    });
  }

  /** Gives a place back: to the next in line. */
  release(): void {
    const next = this.#free < 0 ? undefined : this.#line.shift();
    if (next) next(true);
    else this.#free++;
  }

  /** Sends everybody in line away. Places taken stay taken until given back. */
  close(): void {
    this.#closed = true;
    for (const resolve of this.#line.splice(0)) resolve(false);
  }
}
