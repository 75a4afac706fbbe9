/** Reads what is known of deliveries about to run, in micro-batches. */
import { Batch } from "../batch.ts";
import type { Service } from "../service.ts";
import { persevere } from "./patience.ts";
import type { Claim } from "./result.ts";
import type { ResultStore } from "./store.ts";

/** A delivery as the store must know it. */
export interface Claimed {
  readonly id: string;
  readonly redelivered: boolean;
}

/** What a reader works with. */
export interface ClaimReaderOptions {
  readonly store: Pick<ResultStore, "claim">;
  /** Deliveries in one statement. Default 500. */
  readonly size?: number;
  /** Milliseconds that the first delivery waits for others. Default 0: what is read in one turn of the event loop goes together. */
  readonly delayMs?: number;
}

/** Micro-batches of {@linkcode ResultStore.claim}. */
export class ClaimReader implements Service {
  readonly #batch: Batch<Claimed, Claim | undefined>;

  constructor({ store, size = 500, delayMs = 0 }: ClaimReaderOptions) {
    this.#batch = new Batch<Claimed, Claim | undefined>({
      name: "claims",
      flush: (deliveries) => store.claim(deliveries),
      failed: (error, attempt) => persevere("claims", error, attempt),
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
   * @returns the claim, or `undefined` when there is no record
   * @throws {DatabaseUnavailable} when stopped before there was an answer */
  claim(delivery: Claimed): Promise<Claim | undefined> {
    return this.#batch.add(delivery);
  }
}
