/** Tracks the timers of a task, so that none outlives it. */
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from "node:timers";

/** A timer or an immediate, of `globalThis` as of `node:timers`. */
type Timer = object;

/** Tracks active timers and immediates, also those that do not keep the process alive.
 *
 * All are objects of two classes with a property that is set when they end. */
export class Timers {
  readonly #running = new Set<Timer>();
  readonly #immediates: object;
  readonly #clearImmediate = clearImmediate as (timer: object) => void;
  readonly #clearTimeout = clearTimeout as (timer: object) => void;

  /** Takes effect at once. */
  constructor() {
    const timeout = setTimeout(() => {});
    this.#clearTimeout(timeout);
    const immediate = setImmediate(() => {});
    this.#clearImmediate(immediate);
    this.#follow(Object.getPrototypeOf(timeout));
    this.#follow(this.#immediates = Object.getPrototypeOf(immediate));
  }

  /** Clears the active timers.
   *
   * @returns their number */
  clear(): number {
    const running = [...this.#running];
    for (const timer of running) {
      if (Object.getPrototypeOf(timer) === this.#immediates) this.#clearImmediate(timer);
      else this.#clearTimeout(timer);
    }
    this.#running.clear();
    return running.length;
  }

  #follow(timers: object): void {
    const running = this.#running;
    const over = Symbol("over");
    Object.defineProperty(timers, "_destroyed", {
      get(this: { [over]?: unknown }) {
        return this[over];
      },
      set(this: { [over]?: unknown }, value: unknown) {
        this[over] = value;
        if (value) running.delete(this);
        else running.add(this);
      },
      configurable: false,
    });
  }
}
