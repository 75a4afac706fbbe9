/** Claims tasks that are about to run and reads their records, in micro-batches. */
import { Batch } from "../../shared/runtime/batch.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { retryForever } from "../../shared/results/retry_forever.ts";
import type { Claim, Claimed } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";

/** Options of a {@linkcode ClaimReader}. */
export interface ClaimReaderOptions {
  readonly store: Pick<ResultStore, "claim">;
  /** Node name of the worker that claims. */
  readonly node: string;
  /** Deliveries in one statement. Default 500. */
  readonly size?: number;
}

/** Micro-batches of {@linkcode ResultStore.claim}. */
export class ClaimReader implements Service {
  readonly #batch: Batch<Claimed, Claim | undefined>;

  constructor({ store, node, size = 500 }: ClaimReaderOptions) {
    this.#batch = new Batch<Claimed, Claim | undefined>({
      name: "claims",
      flush: (deliveries) => store.claim(deliveries, node),
      failed: (error, attempt) => retryForever("claims", error, attempt),
      size,
      flushes: 2,
    });
  }

  start(): Promise<void> {
    return this.#batch.start();
  }

  /** Completes pending claims, and rejects those that cannot be completed now. */
  stop(): Promise<void> {
    return this.#batch.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Claims a task. Waits while the database is unavailable.
   *
   * @returns the claim; `undefined` if the task has no record and no other worker holds it
   * @throws {DatabaseUnavailable} if stopped before the database replied */
  claim(delivery: Claimed): Promise<Claim | undefined> {
    return this.#batch.add(delivery);
  }
}
