/** A value that can be set, cleared and awaited. */

interface Waiter<Value> {
  readonly resolve: (value: Value) => void;
  readonly reject: (reason: unknown) => void;
}

/** Holds a value while there is one; callers can wait for the next one.
 *
 * @example
 * ```ts
 * import { Latch } from "./latch.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const latch = new Latch<string>();
 * const waiting = latch.wait();
 * latch.set("here");
 * assertEquals(await waiting, "here");
 * latch.clear();
 * assertEquals(latch.value, undefined);
 * ```
 */
export class Latch<Value> {
  #value: Value | undefined;
  #failure: { readonly reason: unknown } | undefined;
  readonly #waiters = new Set<Waiter<Value>>();

  /** The value, or `undefined` while there is none. */
  get value(): Value | undefined {
    return this.#value;
  }

  /** Sets the value and resolves all pending and later waits. */
  set(value: Value): void {
    this.#value = value;
    for (const waiter of this.#take()) waiter.resolve(value);
  }

  /** Clears the value: later calls wait again. */
  clear(): void {
    this.#value = undefined;
  }

  /** Clears the value and rejects all pending and later waits. */
  fail(reason: unknown): void {
    this.#value = undefined;
    this.#failure = { reason };
    for (const waiter of this.#take()) waiter.reject(reason);
  }

  /** Resolves with the value once there is one; rejects with the signal's reason, or with that of {@linkcode fail}. */
  wait(signal?: AbortSignal): Promise<Value> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#failure) return Promise.reject(this.#failure.reason);
    if (this.#value !== undefined) return Promise.resolve(this.#value);
    return new Promise<Value>((resolve, reject) => {
      const abort = () => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter<Value> = {
        resolve: (value) => {
          signal?.removeEventListener("abort", abort);
          resolve(value);
        },
        reject: (reason) => {
          signal?.removeEventListener("abort", abort);
          reject(reason);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  #take(): Waiter<Value>[] {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    return waiters;
  }
}
