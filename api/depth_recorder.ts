/** Records the number of messages in each queue once a minute. Any number of processes may run it: the first record of a minute stays. */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../shared/broker/broker.ts";
import { Loop } from "../shared/runtime/loop.ts";
import type { Service } from "../shared/runtime/service.ts";
import type { DepthStore } from "../shared/series/depth_store.ts";

const MINUTE_MS = 60_000;

/** Milliseconds until the next try without the broker or the database. */
const RECOVERY_MS = 5_000;

/** Maximum number of recorded queues: names of queues come from outside. */
const QUEUES_MAX = 500;

/** Options of a {@linkcode DepthRecorder}. */
export interface DepthRecorderOptions {
  readonly broker: Pick<Broker, "measure" | "status">;
  readonly store: Pick<DepthStore, "add" | "recentQueues">;
  /** Queues of the contracts. Queues with tasks in the last hour are added to them. */
  readonly queues: Iterable<string>;
}

/** Best effort: a minute without the broker or the database has no record. */
export class DepthRecorder implements Service {
  readonly #options: DepthRecorderOptions;
  readonly #loop: Loop;

  constructor(options: DepthRecorderOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: "depths",
      round: async () => await this.record() ? MINUTE_MS : RECOVERY_MS,
      recoveryMs: RECOVERY_MS,
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

  /** Records all queues that exist.
   *
   * @returns `false` without a connection to the broker
   * @throws {DatabaseUnavailable} */
  async record(): Promise<boolean> {
    const { broker, store, queues } = this.#options;
    const { state } = broker.status;
    if (state !== "connected" && state !== "blocked") return false;
    const names = new Set([...queues, ...await store.recentQueues(QUEUES_MAX)]);
    const ready = new Map<string, number>();
    for (const queue of [...names].slice(0, QUEUES_MAX)) {
      try {
        const measure = await broker.measure(queue);
        if (measure) ready.set(queue, measure.ready);
      } catch (error) {
        log.debug("Cannot count the messages of queue {queue}: {error}", { queue, error });
      }
    }
    await store.add(ready);
    return true;
  }
}

const log = getLogger(["celeriac", "depths"]);
