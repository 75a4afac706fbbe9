/** Makes the parked messages of resumed queues and tasks due. Any number of processes may run it: a lock on each pause admits one. */
import type { PauseStore } from "../shared/flow/pause_store.ts";
import { Loop } from "../shared/runtime/loop.ts";
import type { Service } from "../shared/runtime/service.ts";

/** Milliseconds between two rounds: a round with a rate releases the messages of two seconds. */
const EVERY_MS = 1000;
/** Maximum messages of each pause in one transaction. */
const BATCH = 5000;

/** Options of a {@linkcode ParkedRelease}. */
export interface ParkedReleaseOptions {
  readonly store: Pick<PauseStore, "release">;
  /** Called when messages are due. */
  released(): void;
}

/** Releases messages once a second, and at once after a resume in this process. */
export class ParkedRelease implements Service {
  readonly #loop: Loop;

  constructor({ store, released }: ParkedReleaseOptions) {
    this.#loop = new Loop({
      name: "release of parked messages",
      async round() {
        const count = await store.release(BATCH);
        if (count > 0) released();
        return count >= BATCH ? 0 : EVERY_MS;
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Runs a round now. */
  wake(): void {
    this.#loop.wake();
  }
}
