/** Limits how many handlers run at the same time. */

/** A counting semaphore in FIFO order that can be resized and closed. */
export class Semaphore {
  #size: number;
  /** Negative while more slots are taken than exist, after the size was reduced. */
  #free: number;
  #closed = false;
  readonly #line: ((granted: boolean) => void)[] = [];

  constructor(size: number) {
    this.#size = size;
    this.#free = size;
  }

  /** Number of slots. */
  get size(): number {
    return this.#size;
  }

  /** Number of slots in use. */
  get taken(): number {
    return this.#size - this.#free;
  }

  /** Adds slots, or removes slots as they are released. */
  resize(size: number): void {
    this.#free += size - this.#size;
    this.#size = size;
    while (this.#free > 0 && this.#line.length > 0) {
      this.#free--;
      this.#line.shift()?.(true);
    }
  }

  /** Acquires a slot, without a promise if one is free.
   *
   * @param waiting its `waitSignal` ends the wait; it is read only if there is a wait
   * @returns `false` if `waitSignal` aborted or the semaphore is closed */
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

  /** Releases a slot to the next waiter. */
  release(): void {
    const next = this.#free < 0 ? undefined : this.#line.shift();
    if (next) next(true);
    else this.#free++;
  }

  /** Rejects all waiters. Acquired slots stay acquired until they are released. */
  close(): void {
    this.#closed = true;
    for (const resolve of this.#line.splice(0)) resolve(false);
  }
}
