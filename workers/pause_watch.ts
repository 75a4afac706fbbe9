/** Reads the pauses of queues and tasks, before the worker consumes and then once a second. */
import { getLogger } from "@logtape/logtape";
import { type Pause, type PauseKey, PauseSet } from "../shared/flow/pause.ts";
import type { PauseStore } from "../shared/flow/pause_store.ts";
import { Loop } from "../shared/runtime/loop.ts";
import type { Service } from "../shared/runtime/service.ts";
import { pause } from "../shared/runtime/waits.ts";

/** Milliseconds between two reads. */
const POLL_MS = 1000;
/** Milliseconds after which the first read is tried again. */
const RETRY_MS = 500;

/** Options of a {@linkcode PauseWatch}. */
export interface PauseWatchOptions {
  readonly store: Pick<PauseStore, "inForce">;
  /** Milliseconds between two reads. Default 1,000. */
  readonly pollMs?: number;
}

/** The pauses of the last read. They stay in force while the database is unavailable. */
export class PauseWatch implements Service {
  readonly #options: PauseWatchOptions;
  readonly #loop: Loop;
  readonly #stopped = new AbortController();
  #pauses = new PauseSet([]);
  /** Called after each read with the names of the paused queues. Errors are logged. */
  onQueues: (queues: ReadonlySet<string>) => Promise<void> = () => Promise.resolve();

  constructor(options: PauseWatchOptions) {
    this.#options = options;
    const { pollMs = POLL_MS } = options;
    this.#loop = new Loop({
      name: "pauses",
      round: async () => {
        await this.#read();
        return pollMs;
      },
    });
  }

  /** Resolves after the first read. Waits while the database is unavailable. */
  async start(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#read();
        break;
      } catch (error) {
        log.debug("Cannot read the pauses yet: {error}", { error });
        await pause(RETRY_MS, this.#stopped.signal);
      }
    }
    if (!this.#stopped.signal.aborted) await this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The pauses in force. */
  get all(): readonly Pause[] {
    return this.#pauses.all;
  }

  /** Names of the paused queues. */
  get queues(): ReadonlySet<string> {
    return this.#pauses.queues;
  }

  /** As {@linkcode PauseSet.of}. */
  of(queue: string, task: string): PauseKey | undefined {
    return this.#pauses.of(queue, task);
  }

  async #read(): Promise<void> {
    const before = this.#pauses;
    const now = this.#pauses = new PauseSet(await this.#options.store.inForce());
    this.#report(before.all, now.all);
    await this.onQueues(now.queues).catch((error) =>
      log.debug("Cannot change the consumed queues: {error}", { error })
    );
  }

  #report(before: readonly Pause[], now: readonly Pause[]): void {
    for (const { scope, name, reason } of now.filter((one) => !includes(before, one))) {
      log.info("The {scope} {name} is paused: {reason}", {
        scope,
        name,
        reason: reason ?? "no reason given",
      });
    }
    for (const { scope, name } of before.filter((one) => !includes(now, one))) {
      log.info("The {scope} {name} is no longer paused", { scope, name });
    }
  }
}

function includes(pauses: readonly PauseKey[], { scope, name }: PauseKey): boolean {
  return pauses.some((one) => one.scope === scope && one.name === name);
}

const log = getLogger(["celeriac", "worker"]);
