/** What a task leaves alive in its child and no check of objects shows: threads, open resources, listeners. */
import process from "node:process";
import { Worker as NodeWorker } from "node:worker_threads";

/** What Deno's own code works with. */
interface Core {
  /** Names of open resources by their ids. */
  resources(): Record<string, string>;
}

/** Knows what is alive in this process, and what was when the app was loaded.
 *
 * It is taken from Deno's own core, which is out of reach of other code from then on: through it a task could open what
 * is not seen here. */
export class Leftovers {
  readonly #resources = core().resources;
  readonly #active = process.getActiveResourcesInfo.bind(process);
  readonly #eventNames = process.eventNames.bind(process);
  readonly #listenerCount = process.listenerCount.bind(process);
  #threads = 0;
  #listeners = 0;
  #loaded = new Set<string>();

  /** Takes effect at once. */
  constructor() {
    this.#countThreads(Worker);
    this.#countThreads(NodeWorker);
    this.#countListeners();
  }

  /** The app is loaded: what is alive now is the app's. */
  ready(): void {
    this.#loaded = new Set(this.#alive());
    this.#threads = 0;
    this.#listeners = 0;
  }

  /** What of a task is alive or may be: `undefined` when nothing is. */
  found(): string | undefined {
    if (this.#threads > 0) return "a Worker";
    if (this.#listeners > 0) return "a listener of globalThis";
    const alive = this.#alive();
    for (let index = 0; index < alive.length; index++) {
      if (!this.#loaded.has(alive[index]!)) return alive[index]!.replace(/^\d+ /, "");
    }
    return undefined;
  }

  /** Each with its number, or how many there are: `5 tcpListener`, `1 TCPSocketWrap`, `1 listener of process 'exit'`. */
  #alive(): string[] {
    const resources = this.#resources();
    const all = Object.keys(resources).map((id) => `${id} ${resources[id]}`);
    const counts = new Map<string, number>();
    for (const name of this.#active()) {
      if (name !== "Timeout" && name !== "Immediate") {
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
    for (const event of this.#eventNames()) {
      counts.set(`listener of process '${String(event)}'`, this.#listenerCount(event));
    }
    for (const [name, count] of counts) all.push(`${count} ${name}`);
    return all;
  }

  /** A constructor of a derived class calls what is its prototype: so every thread is counted, whoever holds the class. */
  #countThreads(threads: object): void {
    const base = Object.getPrototypeOf(threads);
    const count = () => void this.#threads++;
    const counting = function (...given: unknown[]): object {
      count();
      return Reflect.construct(base, given, new.target!);
    };
    Object.setPrototypeOf(counting, base);
    Object.defineProperty(counting, "prototype", { value: base.prototype });
    Object.setPrototypeOf(threads, counting);
    Object.preventExtensions(threads);
  }

  /** Nothing lists the listeners of an EventTarget. */
  #countListeners(): void {
    const { addEventListener, removeEventListener } = globalThis;
    const replace = (name: string, value: unknown) =>
      Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
    replace("addEventListener", (...given: Parameters<typeof addEventListener>) => {
      this.#listeners++;
      addEventListener.apply(globalThis, given);
    });
    replace("removeEventListener", (...given: Parameters<typeof removeEventListener>) => {
      this.#listeners--;
      removeEventListener.apply(globalThis, given);
    });
  }
}

function core(): Core {
  const internal = Reflect.get(Deno, "internal") as symbol;
  const found = Reflect.get(Deno, internal) as { core: Core };
  Reflect.deleteProperty(Deno, internal);
  return found.core;
}
