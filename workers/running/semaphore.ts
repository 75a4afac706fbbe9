/** Limits how many handlers run at the same time. */

/** A caller that may stop waiting. */
export interface Waiting {
  /** Whether it has waited too long. */
  readonly waitExpired: boolean;
  /** Called when it has waited too long. Only the place where it waits now sets it. */
  onWaitExpired: (() => void) | undefined;
}

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
   * @returns `false` if it has waited too long or the semaphore is closed */
  acquire(waiting?: Waiting): boolean | Promise<boolean> {
    if (this.#closed) return false;
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    if (waiting?.waitExpired) return false;
    return new Promise((resolve) => {
      this.#line.push(resolve);
      if (!waiting) return;
      waiting.onWaitExpired = () => {
        const index = this.#line.indexOf(resolve);
        if (index < 0) return;
        this.#line.splice(index, 1);
        resolve(false);
      };
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
