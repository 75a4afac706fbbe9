/** Stores messages of paused queues and tasks, in micro-batches. */
import { Batch } from "../../shared/runtime/batch.ts";
import type { ParkedEntry, PauseStore } from "../../shared/flow/pause_store.ts";
import { retryForever } from "../../shared/results/retry_forever.ts";
import type { Service } from "../../shared/runtime/service.ts";

/** Bytes of bodies in one statement, without the last body. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** Micro-batches of {@linkcode PauseStore.park}. */
export class Parking implements Service {
  readonly #batch: Batch<ParkedEntry, void>;

  constructor({ store }: { store: Pick<PauseStore, "park"> }) {
    this.#batch = new Batch<ParkedEntry, void>({
      name: "parked messages",
      flush: async (entries) => {
        await store.park(entries);
        return entries.map(() => undefined);
      },
      failed: (error, attempt) => retryForever("parked messages", error, attempt),
      weigh: ({ message }) => message.body.length,
      weight: BATCH_BYTES,
    });
  }

  start(): Promise<void> {
    return this.#batch.start();
  }

  /** Stores the pending messages. */
  stop(): Promise<void> {
    return this.#batch.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Stores a message. Its delivery can be acknowledged afterwards. Waits while the database is unavailable.
   *
   * @throws {DatabaseRefused} if it cannot be stored
   * @throws {DatabaseUnavailable} if stopped before it was stored */
  park(entry: ParkedEntry): Promise<void> {
    return this.#batch.add(entry);
  }
}
