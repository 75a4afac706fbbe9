/** Micro-batches: collects many small writes into a few large ones and returns each caller its own result. */
import { clearImmediate, setImmediate } from "node:timers";
import { CeleriacError, Unavailable } from "../errors.ts";
import type { Service } from "./service.ts";

/** What to do with the items of a failed flush: retry all of them after this many milliseconds (`asideMs`: without holding up later
 * items), retry each half separately, or reject them. */
export type Verdict = number | { readonly asideMs: number } | "split" | "reject";

/** Number of items from which a batch shows load. Larger batches then cost less than they delay. */
const BUSY = 16;

/** Milliseconds under load. */
const BUSY_DELAY_MS = 1;

/** Options of a batch. */
export interface BatchOptions<Item, Result> {
  /** Name of the items, for errors: `results`. */
  readonly name: string;
  /** Writes items in the order of their arrival; resolves with one result per item. */
  flush(items: readonly Item[]): Promise<readonly Result[]>;
  /** Decides about a failed flush. Default: `reject`.
   *
   * @param attempt failures of these items so far, from 1
   * @param items the items of the failed flush */
  failed?(error: unknown, attempt: number, items: readonly Item[]): Verdict;
  /** Maximum number of items in one flush. Default 500. */
  readonly size?: number;
  /** Maximum weight of one flush; a single item may exceed it. Default: no limit. */
  readonly weight?: number;
  /** Weight of an item, such as its bytes. */
  weigh?(item: Item): number;
  /** Milliseconds that the first item waits for others while no flush is running. Default: the items of one turn of the event loop form a
   * batch. After a large batch, the next one waits {@linkcode BUSY_DELAY_MS}. */
  readonly delayMs?: number;
  /** Maximum number of concurrent flushes. More than one gives up the order. Default 1. */
  readonly flushes?: number;
  /** Maximum number of pending items; further items are rejected. Default: no limit. */
  readonly limit?: number;
  /** Maximum weight of pending items, without the last one; further items are rejected. Default: no limit. */
  readonly limitWeight?: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Collects items briefly and flushes them together. The next batch fills while a flush is running. */
export class Batch<Item, Result> implements Service {
  readonly #options: BatchOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #weight = 0;
  #flushing = 0;
  /** Batches that are retried while later ones are flushed. */
  #aside = 0;
  /** Whether the last batch was large. */
  #isBusy = false;
  /** Cancels the next flush, if one is scheduled. */
  #unschedule: (() => void) | undefined;
  #stopping = false;
  /** Ends the pauses between attempts. */
  readonly #hurry = new Set<() => void>();
  #rested: (() => void)[] = [];

  constructor(options: BatchOptions<Item, Result>) {
    this.#options = options;
  }

  /** Number of pending items, without those being flushed. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @param signal cancels a pending item; an item already being flushed may still be written
   * @throws {Unavailable} when too many items are pending
   * @throws {CeleriacError} when stopped; otherwise the error of the item's flush, or the signal's reason */
  add(item: Item, signal?: AbortSignal): Promise<Result> {
    const { name, size = 500, flushes = 1, weigh = () => 0 } = this.#options;
    const { limit = Infinity, limitWeight = Infinity } = this.#options;
    if (this.#stopping) {
      return Promise.reject(
        new CeleriacError(`Cannot add to ${name} because they are being stopped: add earlier`),
      );
    }
    if (this.#waiting.length >= limit || this.#weight >= limitWeight) {
      return Promise.reject(
        new Unavailable(`Cannot add to ${name} because too many items are pending: retry later`),
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
    else if (this.#flushing < flushes) this.#unschedule ??= this.#schedule();
    return promise;
  }

  start(): Promise<void> {
    this.#stopping = false;
    return Promise.resolve();
  }

  /** Flushes the pending items. Items that fail now are rejected instead of retried forever. */
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

  /** Even a timer of 0 ms fires after 1 to 2 ms, an immediate at the end of this turn. */
  #schedule(): () => void {
    const { delayMs = this.#isBusy ? BUSY_DELAY_MS : 0 } = this.#options;
    if (delayMs === 0) {
      const immediate = setImmediate(() => this.#next());
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(() => this.#next(), delayMs);
    return () => clearTimeout(timer);
  }

  #next(): void {
    this.#unschedule?.();
    this.#unschedule = undefined;
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
    this.#isBusy = count >= BUSY;
    return this.#waiting.splice(0, count);
  }

  async #flush(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    const { flush, failed = () => "reject" } = this.#options;
    const items = batch.map(({ item }) => item);
    for (let attempt = 1;; attempt++) {
      let error: unknown;
      try {
        const results = await flush(items);
        // Not entries(), which creates a pair for each item.
        for (let index = 0; index < batch.length; index++) batch[index]!.resolve(results[index]!);
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

  /** Retries a batch without occupying one of the concurrent flushes. */
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
