/** Writes PENDING records of accepted tasks in micro-batches, off the hot path. */
import { getLogger } from "@logtape/logtape";
import { Batch, type Verdict } from "../runtime/batch.ts";
import { isDataFault } from "../database/sqlstate.ts";
import type { Service } from "../runtime/service.ts";
import { QUEUE_PREFIX } from "../broker/topology.ts";
import type { PendingTask } from "./result.ts";
import type { ResultStore } from "./store.ts";

/** Options of {@linkcode SubmissionWriter}. */
export interface SubmissionWriterOptions {
  readonly store: Pick<ResultStore, "submitted">;
  /** Whether to write records for queues of other systems, whose workers only write to Django's tables. Default `false`. */
  readonly foreign?: boolean;
  /** Maximum number of waiting submissions. Default 10,000: a few seconds of load. */
  readonly limit?: number;
  /** Attempts per batch, one second apart. Default 5. */
  readonly attempts?: number;
  /** Called with the number of dropped records, for a metric. */
  dropped?(count: number): void;
}

/** Milliseconds to collect a batch. Until the record exists, a young id counts as PENDING. */
const BATCH_MS = 20;

const PAUSE_MS = 1000;
const QUIET_MS = 1000;

/** Micro-batches of {@linkcode ResultStore.submitted}. A record that cannot be written in time is dropped and logged: the broker has the
 * task, and its result creates a record. */
export class SubmissionWriter implements Service {
  readonly #batch: Batch<PendingTask, void>;
  readonly #attempts: number;
  readonly #foreign: boolean;
  readonly #dropped: (count: number) => void;
  readonly #log = getLogger(["celeriac", "results"]);
  /** Records dropped since the last log line, and the time of that line. */
  #lost = 0;
  #loggedAt = -Infinity;

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
      delayMs: BATCH_MS,
    });
  }

  start(): Promise<void> {
    return this.#batch.start();
  }

  /** Writes waiting records; drops those that cannot be written now. */
  stop(): Promise<void> {
    return this.#batch.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Queues a record; never blocks or fails. */
  write(submission: PendingTask): void {
    if (!this.#foreign && !submission.queue.startsWith(QUEUE_PREFIX)) return;
    this.#batch.add(submission).catch((error) => this.#drop(error));
  }

  #judge(error: unknown, attempt: number): Verdict {
    if (isDataFault(error)) return "split";
    return attempt < this.#attempts ? PAUSE_MS : "reject";
  }

  /** Logs at most one line per second. */
  #drop(error: unknown): void {
    this.#dropped(1);
    this.#lost++;
    if (performance.now() - this.#loggedAt < QUIET_MS) return;
    this.#loggedAt = performance.now();
    this.#log.warn(
      "Dropped {count} records of submissions, not the tasks themselves: {error}",
      {
        count: this.#lost,
        error,
      },
    );
    this.#lost = 0;
  }
}
