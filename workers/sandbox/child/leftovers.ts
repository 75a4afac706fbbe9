/** Detects threads, open resources and listeners that a task leaves in its child. */
import process from "node:process";
import { Worker as NodeWorker } from "node:worker_threads";

/** Deno's internal core. */
interface Core {
  /** Names of open resources by their ids. */
  resources(): Record<string, string>;
}

/** Compares the resources of this process with those at the time when the app was loaded.
 *
 * It reads Deno's core and then removes it from the reach of other code, because a task could use it to open undetected resources. */
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

  /** Takes the current resources as the reference. Call it when the app is loaded. */
  ready(): void {
    this.#loaded = new Set(this.#alive());
    this.#threads = 0;
    this.#listeners = 0;
  }

  /** A resource that a task left, or may have left; `undefined` if there is none. */
  found(): string | undefined {
    if (this.#threads > 0) return "a Worker";
    if (this.#listeners > 0) return "a listener of globalThis";
    const alive = this.#alive();
    for (let index = 0; index < alive.length; index++) {
      if (!this.#loaded.has(alive[index]!)) return alive[index]!.replace(/^\d+ /, "");
    }
    return undefined;
  }

  /** Resources with their id or count: `5 tcpListener`, `1 TCPSocketWrap`, `1 listener of process 'exit'`. */
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

  /** Inserts a counting constructor as the base class, so that every thread is counted, even if code kept a reference to the class. */
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

  /** Counts listeners of `globalThis`, because the listeners of an EventTarget cannot be listed. */
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
