/** Micro-batches: many small writes become a few large ones, and each caller still gets an answer of its own. */
import { CeleriacError, Unavailable } from "../errors.ts";
import type { Service } from "./service.ts";

/** What to do with items whose flush failed: try them all again after so many milliseconds, also while later items are flushed
 * (`asideMs`), try each half of them alone, or reject them. */
export type Verdict = number | { readonly asideMs: number } | "split" | "reject";

/** How to batch. */
export interface BatchOptions<Item, Result> {
  /** What is batched, for errors: `results`. */
  readonly name: string;
  /** Writes items, in the order of their arrival; resolves with a result for each. */
  flush(items: readonly Item[]): Promise<readonly Result[]>;
  /** Judges a failed flush. Default: `reject`.
   *
   * @param attempt how often these items have failed, from 1
   * @param items those of the failed flush */
  failed?(error: unknown, attempt: number, items: readonly Item[]): Verdict;
  /** Items in one flush. Default 500. */
  readonly size?: number;
  /** Weight in one flush; a single item may weigh more. Default: no limit. */
  readonly weight?: number;
  /** What an item weighs, such as its bytes. */
  weigh?(item: Item): number;
  /** Milliseconds that the first item waits for others while nothing is being flushed. Default 2. */
  readonly delayMs?: number;
  /** Flushes at a time. More than one gives up the order. Default 1. */
  readonly flushes?: number;
  /** Items that may wait; more are refused. Default: no limit. */
  readonly limit?: number;
  /** Weight that may wait, the last item's not counted; more is refused. Default: no limit. */
  readonly limitWeight?: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Collects items for a moment and flushes them together. While one flush runs the next batch gathers. */
export class Batch<Item, Result> implements Service {
  readonly #options: BatchOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #weight = 0;
  #flushing = 0;
  /** Batches that are tried again while later ones are flushed. */
  #aside = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopping = false;
  /** Ends the pauses between attempts. */
  readonly #hurry = new Set<() => void>();
  #rested: (() => void)[] = [];

  constructor(options: BatchOptions<Item, Result>) {
    this.#options = options;
  }

  /** Items that wait for a flush; those being flushed not counted. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @param signal ends the waiting: an item that is not being flushed yet is taken out, one that is may be written all the same
   * @throws {Unavailable} when too much waits
   * @throws {CeleriacError} when stopped; else whatever ended the item's flush, or the signal's reason */
  add(item: Item, signal?: AbortSignal): Promise<Result> {
    const { name, size = 500, delayMs = 2, flushes = 1, weigh = () => 0 } = this.#options;
    const { limit = Infinity, limitWeight = Infinity } = this.#options;
    if (this.#stopping) {
      return Promise.reject(
        new CeleriacError(`Cannot add to ${name} as they are being stopped: add earlier`),
      );
    }
    if (this.#waiting.length >= limit || this.#weight >= limitWeight) {
      return Promise.reject(
        new Unavailable(`Cannot add to ${name} as too much waits already: add later`),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const waiting = { item, resolve, reject };
    this.#waiting.push(waiting);
    this.#weight += weigh(item);
    signal?.addEventListener("abort", () => {
      const index = this.#waiting.indexOf(waiting);
      if (index >= 0) {
        this.#waiting.splice(index, 1);
        this.#weight -= weigh(item);
      }
      reject(signal.reason);
    }, { once: true });
    if (this.#waiting.length >= size) this.#next();
    else if (this.#flushing < flushes) this.#timer ??= setTimeout(() => this.#next(), delayMs);
    return promise;
  }

  start(): Promise<void> {
    this.#stopping = false;
    return Promise.resolve();
  }

  /** Flushes what waits. Items that fail now are rejected instead of being tried again for ever. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const go of this.#hurry) go();
    this.#next();
    if (this.#busy) await new Promise<void>((resolve) => this.#rested.push(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #busy(): boolean {
    return this.#flushing > 0 || this.#aside > 0;
  }

  #next(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { flushes = 1 } = this.#options;
    while (this.#waiting.length > 0 && this.#flushing < flushes) {
      this.#flushing++;
      this.#flush(this.#take()).finally(() => {
        this.#flushing--;
        this.#next();
      });
    }
    if (!this.#busy) {
      for (const resolve of this.#rested.splice(0)) resolve();
    }
  }

  #take(): Waiting<Item, Result>[] {
    const { size = 500, weight = Infinity, weigh = () => 0 } = this.#options;
    let count = 0;
    let taken = 0;
    for (const { item } of this.#waiting) {
      const weighed = taken + weigh(item);
      if (count === size || (count > 0 && weighed > weight)) break;
      taken = weighed;
      count++;
    }
    this.#weight -= taken;
    return this.#waiting.splice(0, count);
  }

  async #flush(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    const { flush, failed = () => "reject" } = this.#options;
    const items = batch.map(({ item }) => item);
    for (let attempt = 1;; attempt++) {
      let error: unknown;
      try {
        const results = await flush(items);
        for (const [index, { resolve }] of batch.entries()) resolve(results[index]!);
        return;
      } catch (caught) {
        error = caught;
      }
      const verdict = failed(error, attempt, items);
      if (verdict === "split" && batch.length > 1) {
        const half = batch.length >> 1;
        await this.#flush(batch.slice(0, half));
        await this.#flush(batch.slice(half));
        return;
      }
      const last = this.#stopping;
      if (typeof verdict === "string" || last) {
        for (const { reject } of batch) reject(error);
        return;
      }
      if (typeof verdict === "object") return void this.#setAside(batch, verdict.asideMs);
      await this.#pause(verdict);
    }
  }

  /** Tries a batch again without keeping the place of a flush. */
  async #setAside(batch: readonly Waiting<Item, Result>[], ms: number): Promise<void> {
    this.#aside++;
    await this.#pause(ms);
    await this.#flush(batch);
    this.#aside--;
    this.#next();
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#hurry.add(resolve);
    await promise;
    this.#hurry.delete(resolve);
    clearTimeout(timer);
  }
}
