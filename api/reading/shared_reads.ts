/** Shares one read among concurrent callers. */

interface Running<Value> {
  readonly value: Promise<Value>;
  next: Promise<Value> | undefined;
}

/** Shares reads by key. A caller never joins a read that has already started: it may be here because of a change that this read
 * missed.
 *
 * @example
 * ```ts
 * import { SharedReads } from "./shared_reads.ts";
 * import { assertEquals } from "@std/assert";
 *
 * let reads = 0;
 * const shared = new SharedReads((id: string) => Promise.resolve(`${id}${++reads}`));
 * const first = shared.read("a");
 * const later = [shared.read("a"), shared.read("a"), shared.read("b")];
 * assertEquals(await Promise.all([first, ...later]), ["a1", "a3", "a3", "b2"]);
 * ```
 */
export class SharedReads<Value> {
  readonly #read: (key: string) => Promise<Value>;
  readonly #running = new Map<string, Running<Value>>();

  constructor(read: (key: string) => Promise<Value>) {
    this.#read = read;
  }

  /** Reads, or joins a read that has not started. */
  read(key: string): Promise<Value> {
    const running = this.#running.get(key);
    if (!running) return this.#start(key);
    return running.next ??= running.value.then(() => {}, () => {}).then(() => this.#start(key));
  }

  #start(key: string): Promise<Value> {
    const running: Running<Value> = { value: this.#read(key), next: undefined };
    this.#running.set(key, running);
    const end = () => {
      if (running.next === undefined) this.#running.delete(key);
    };
    running.value.then(end, end);
    return running.value;
  }
}
