/** Timers that a task starts, so that none outlives it. */

type Timer = ReturnType<typeof setTimeout>;

/** Stands in for the global timers, and knows those that still run. */
export class Timers {
  readonly #running = new Set<Timer>();
  readonly #clearTimeout = globalThis.clearTimeout;

  /** Takes the place of the global functions at once. */
  constructor() {
    const { setTimeout, setInterval, setImmediate } = globalThis;
    const running = this.#running;
    this.#replace("setTimeout", setTimeout, (act, delay, ...rest) => {
      const timer = setTimeout(() => {
        running.delete(timer);
        run(act, rest);
      }, delay as number);
      running.add(timer);
      return timer;
    });
    this.#replace("setInterval", setInterval, (act, delay, ...rest) => {
      const timer = setInterval(() => run(act, rest), delay as number);
      running.add(timer);
      return timer;
    });
    this.#replace("setImmediate", setImmediate, (act, ...rest) => {
      // A timer like any other: an immediate that starts the next one would never let the loop go.
      const timer = setTimeout(() => {
        running.delete(timer);
        run(act, rest);
      });
      running.add(timer);
      return timer;
    });
    for (const name of ["clearTimeout", "clearInterval", "clearImmediate"] as const) {
      const clear = this.#clearTimeout;
      this.#replace(name, globalThis[name], (timer) => {
        running.delete(timer as Timer);
        clear(timer as Timer);
      });
    }
  }

  /** Ends those that still run.
   *
   * @returns how many there were */
  clear(): number {
    const left = this.#running.size;
    for (const timer of this.#running) this.#clearTimeout.call(globalThis, timer);
    this.#running.clear();
    return left;
  }

  /** With the properties that the old one bears: Node's `promisify` looks for one. */
  #replace(name: string, old: object, next: (...given: unknown[]) => unknown): void {
    const { name: _, length: __, ...own } = Object.getOwnPropertyDescriptors(old);
    Object.defineProperties(next, own as PropertyDescriptorMap);
    Object.defineProperty(globalThis, name, { value: next, writable: true, configurable: true });
  }
}

function run(act: unknown, rest: unknown[]): void {
  if (typeof act === "function") act(...rest);
}
