/** Holds deliveries about to run and reads what is known of them, in micro-batches. */
import { Batch } from "../../shared/runtime/batch.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { retryForever } from "../../shared/results/patience.ts";
import type { Claim, Claimed } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";

/** What a reader works with. */
export interface ClaimReaderOptions {
  readonly store: Pick<ResultStore, "claim">;
  /** Node name of the worker that holds what it claims. */
  readonly node: string;
  /** Deliveries in one statement. Default 500. */
  readonly size?: number;
  /** Milliseconds that the first delivery waits for others. Default 0: what is read in one turn of the event loop goes together. */
  readonly delayMs?: number;
}

/** Micro-batches of {@linkcode ResultStore.claim}. */
export class ClaimReader implements Service {
  readonly #batch: Batch<Claimed, Claim | undefined>;

  constructor({ store, node, size = 500, delayMs = 0 }: ClaimReaderOptions) {
    this.#batch = new Batch<Claimed, Claim | undefined>({
      name: "claims",
      flush: (deliveries) => store.claim(deliveries, node),
      failed: (error, attempt) => retryForever("claims", error, attempt),
      size,
      delayMs,
      flushes: 2,
    });
  }

  start(): Promise<void> {
    return this.#batch.start();
  }

  /** Answers what waits. What cannot be answered now is rejected. */
  stop(): Promise<void> {
    return this.#batch.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Waits as long as the database is away.
   *
   * @returns the claim, or `undefined` when there is no record and no other worker holds the task
   * @throws {DatabaseUnavailable} when stopped before there was an answer */
  claim(delivery: Claimed): Promise<Claim | undefined> {
    return this.#batch.add(delivery);
  }
}
