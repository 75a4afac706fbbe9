/** Writes PENDING records of what was accepted, off the hot path, in micro-batches. */
import { getLogger } from "@logtape/logtape";
import { Batch, type Verdict } from "../runtime/batch.ts";
import { isDataFault } from "../database/sqlstate.ts";
import type { Service } from "../runtime/service.ts";
import { QUEUE_PREFIX } from "../broker/topology.ts";
import type { PendingTask } from "./result.ts";
import type { ResultStore } from "./store.ts";

/** What a writer works with. */
export interface SubmissionWriterOptions {
  readonly store: Pick<ResultStore, "submitted">;
  /** Whether to write records of tasks in queues of other systems, whose workers write into Django's tables only. Default `false`. */
  readonly foreign?: boolean;
  /** Submissions that may wait. Default 10,000: some seconds' worth. */
  readonly limit?: number;
  /** Attempts at writing a batch, each a second after the last. Default 5. */
  readonly attempts?: number;
  /** Called with the number of records given up, for a metric. */
  dropped?(count: number): void;
}

/** Who asks sooner is told PENDING by the id alone; a longer wait makes fewer and larger statements. */
const GATHER_MS = 20;

const PAUSE_MS = 1000;
const QUIET_MS = 1000;

/** Micro-batches of {@linkcode ResultStore.submitted}. A record that cannot be written in time is dropped, and the log says so: the task
 * itself is with the broker, and its result will bring a record of its own. */
export class SubmissionWriter implements Service {
  readonly #batch: Batch<PendingTask, void>;
  readonly #attempts: number;
  readonly #foreign: boolean;
  readonly #dropped: (count: number) => void;
  readonly #log = getLogger(["celeriac", "results"]);
  /** Given up since the log last said so, and when that was. */
  #lost = 0;
  #told = -Infinity;

  constructor(
    { store, foreign = false, limit = 10_000, attempts = 5, dropped = () => {} }:
      SubmissionWriterOptions,
  ) {
    this.#attempts = attempts;
    this.#foreign = foreign;
    this.#dropped = dropped;
    this.#batch = new Batch<PendingTask, void>({
      name: "submissions",
      flush: async (submissions) => {
        await store.submitted(submissions);
        return submissions.map(() => undefined);
      },
      failed: (error, attempt) => this.#judge(error, attempt),
      limit,
      delayMs: GATHER_MS,
    });
  }

  start(): Promise<void> {
    return this.#batch.start();
  }

  /** Writes what waits, and drops what cannot be written now. */
  stop(): Promise<void> {
    return this.#batch.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Never waits and never fails. */
  write(submission: PendingTask): void {
    if (!this.#foreign && !submission.queue.startsWith(QUEUE_PREFIX)) return;
    this.#batch.add(submission).catch((error) => this.#drop(error));
  }

  #judge(error: unknown, attempt: number): Verdict {
    if (isDataFault(error)) return "split";
    return attempt < this.#attempts ? PAUSE_MS : "reject";
  }

  /** One line a second, however many are dropped. */
  #drop(error: unknown): void {
    this.#dropped(1);
    this.#lost++;
    if (performance.now() - this.#told < QUIET_MS) return;
    this.#told = performance.now();
    this.#log.warn(
      "{count} records of submissions were dropped; the tasks themselves are not: {error}",
      {
        count: this.#lost,
        error,
      },
    );
    this.#lost = 0;
  }
}
