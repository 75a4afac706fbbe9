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
  /** Parked messages at which the queues of paused tasks are no longer consumed. */
  readonly parkMax: number;
  /** Bytes of parked messages with the same effect. */
  readonly parkMaxBytes: number;
  /** Milliseconds between two reads. Default 1,000. */
  readonly pollMs?: number;
}

/** The pauses of the last read. They stay in force while the database is unavailable. */
export class PauseWatch implements Service {
  readonly #options: PauseWatchOptions;
  readonly #loop: Loop;
  readonly #stopped = new AbortController();
  #pauses = new PauseSet([]);
  #queues: ReadonlySet<string> = new Set();
  #full = false;
  /** Queues from which messages of paused tasks came, by the task. */
  readonly #parkedFrom = new Map<string, Set<string>>();
  /** Called after each read with the queues that are not to be consumed. Errors are logged. */
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

  /** Queues that are not to be consumed: paused ones, and those of paused tasks if no more messages may be parked. */
  get queues(): ReadonlySet<string> {
    return this.#queues;
  }

  /** As {@linkcode PauseSet.of}. Remembers the queue of a paused task. */
  of(queue: string, task: string): PauseKey | undefined {
    const pause = this.#pauses.of(queue, task);
    if (pause?.scope === "task") {
      const queues = this.#parkedFrom.get(task);
      if (queues) queues.add(queue);
      else this.#parkedFrom.set(task, new Set([queue]));
    }
    return pause;
  }

  async #read(): Promise<void> {
    const { store, parkMax, parkMaxBytes } = this.#options;
    const { pauses, parked, parkedBytes } = await store.inForce();
    const before = this.#pauses;
    const now = this.#pauses = new PauseSet(pauses);
    for (const task of this.#parkedFrom.keys()) {
      if (!includes(pauses, { scope: "task", name: task })) this.#parkedFrom.delete(task);
    }
    const full = parked >= parkMax || parkedBytes >= parkMaxBytes;
    this.#queues = full ? now.queues.union(this.#queuesOfTasks()) : now.queues;
    this.#report(before.all, now.all);
    if (full && !this.#full) this.#reportFull(parked, parkedBytes);
    this.#full = full;
    await this.onQueues(this.#queues).catch((error) =>
      log.debug("Cannot change the consumed queues: {error}", { error })
    );
  }

  #queuesOfTasks(): ReadonlySet<string> {
    return new Set([...this.#parkedFrom.values()].flatMap((queues) => [...queues]));
  }

  #reportFull(parked: number, bytes: number): void {
    log.warn(
      "Not consuming the queues of paused tasks because {parked} messages of {bytes} bytes are parked: resume a task, or raise CELERIAC_PARK_MAX or CELERIAC_PARK_MAX_BYTES",
      { parked, bytes },
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
