/** Writes PENDING records of accepted tasks in micro-batches, off the hot path. */
import { getLogger } from "@logtape/logtape";
import { Batch, type Verdict } from "../runtime/batch.ts";
import { isDataFault } from "../database/sqlstate.ts";
import type { Service } from "../runtime/service.ts";
import { QUEUE_PREFIX } from "../broker/topology.ts";
import { HIDDEN_REPR } from "./kept_input.ts";
import type { PendingTask } from "./result.ts";
import type { ResultStore } from "./store.ts";
import { timeOf } from "./uuid_time.ts";

/** Options of {@linkcode SubmissionWriter}. */
export interface SubmissionWriterOptions {
  readonly store: Pick<ResultStore, "submitted" | "unrecorded">;
  /** Whether to write records for queues of other systems, whose workers only write to Django's tables. Default `false`. */
  readonly foreign?: boolean;
  /** Milliseconds that a submission waits for its task to settle ({@linkcode SubmissionWriter.hold}). Default 500. */
  readonly holdMs?: number;
  /** Maximum number of held submissions, and of those that wait for the database. Default 10,000: a few seconds of load. */
  readonly limit?: number;
  /** Attempts per batch, one second apart. Default 5. */
  readonly attempts?: number;
  /** Whether records of a task contain no representation of its arguments. Default: none is hidden. */
  hides?(name: string): boolean;
  /** Called with the number of dropped records, for a metric. */
  dropped?(count: number): void;
}

/** A submission to write. */
interface Unwritten {
  readonly submission: PendingTask;
  /** Whether its task may have a record by now. */
  readonly held: boolean;
}

/** Milliseconds to collect a batch. Until the record exists, a young id counts as PENDING. */
const BATCH_MS = 20;
/** Long enough for most short tasks, and short enough to list every accepted task within a second. */
const HOLD_MS = 500;
/** Minimum milliseconds between releases: each one costs a read, also if a client submits one task after the other. */
const RELEASE_MS = 100;
/** Maximum milliseconds between the time in an id and its submission, so that the record of a worker has the right `submittedAt`. */
const SAME_TIME_MS = 1000;

const PAUSE_MS = 1000;
const QUIET_MS = 1000;

/** Micro-batches of {@linkcode ResultStore.submitted}. A record that cannot be written in time is dropped and logged: the broker has the
 * task, and its result creates a record. */
export class SubmissionWriter implements Service {
  readonly #store: SubmissionWriterOptions["store"];
  readonly #batch: Batch<Unwritten, void>;
  readonly #attempts: number;
  readonly #foreign: boolean;
  readonly #holdMs: number;
  readonly #limit: number;
  readonly #hides: (name: string) => boolean;
  readonly #dropped: (count: number) => void;
  readonly #log = getLogger(["celeriac", "results"]);
  /** Held submissions by id, the oldest first, with the times at which they are due. */
  readonly #held = new Map<string, { readonly submission: PendingTask; readonly due: number }>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Submissions without a known record, by id. */
  readonly #unwritten = new Map<string, PendingTask>();
  /** Whether most held tasks had a record in the last batch. Then a read first is cheaper than an insert. */
  #mostSettle = true;
  /** Records dropped since the last log line, and the time of that line. */
  #lost = 0;
  #loggedAt = -Infinity;

  constructor(options: SubmissionWriterOptions) {
    const { store, foreign = false, holdMs = HOLD_MS, limit = 10_000, attempts = 5 } = options;
    this.#store = store;
    this.#attempts = attempts;
    this.#foreign = foreign;
    this.#holdMs = holdMs;
    this.#limit = limit;
    this.#hides = options.hides ?? (() => false);
    this.#dropped = options.dropped ?? (() => {});
    this.#batch = new Batch<Unwritten, void>({
      name: "submissions",
      flush: async (batch) => {
        await this.#flush(batch);
        return batch.map(() => undefined);
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
    this.#release(Infinity);
    return this.#batch.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Queues a record; never blocks or fails. */
  write(task: PendingTask): void {
    if (this.#isForeign(task)) return;
    this.#add({ submission: this.#shown(task), held: false });
  }

  /** Like `write`, but writes nothing if the task has a record after a moment. For messages that a worker may receive now: its settlement
   * has all that the record needs. Ids other than fresh UUIDv7 are written at once, because readers do not count them as PENDING. */
  hold(task: PendingTask): void {
    if (this.#isForeign(task)) return;
    const submission = this.#shown(task);
    const made = timeOf(submission.id)?.getTime() ?? NaN;
    const isFresh = Math.abs(submission.submittedAt.getTime() - made) < SAME_TIME_MS;
    if (this.#holdMs === 0 || !isFresh) return this.#add({ submission, held: false });
    if (this.#held.has(submission.id)) return; // The first record of an id stays, as in the database.
    if (this.#held.size >= this.#limit) this.#release(this.#oldest()!.due);
    this.#unwritten.set(submission.id, submission);
    this.#held.set(submission.id, { submission, due: performance.now() + this.#holdMs });
    this.#timer ??= setTimeout(() => this.#release(performance.now()), this.#holdMs);
  }

  /** Drops a held submission, because a worker has sent a final reply. Workers of Celeriac send it after they have committed the record;
   * a reply from a queue of another system proves no record. */
  settled({ id, queue }: Pick<PendingTask, "id" | "queue">): void {
    if (queue.startsWith(QUEUE_PREFIX) && this.#held.delete(id)) this.#unwritten.delete(id);
  }

  /** A submission of this process that may have no record yet. */
  find(id: string): PendingTask | undefined {
    return this.#unwritten.get(id);
  }

  #shown(task: PendingTask): PendingTask {
    return this.#hides(task.name)
      ? { ...task, argsRepr: HIDDEN_REPR, kwargsRepr: HIDDEN_REPR }
      : task;
  }

  #isForeign({ queue }: PendingTask): boolean {
    return !this.#foreign && !queue.startsWith(QUEUE_PREFIX);
  }

  /** Passes the held submissions that are due to the batch. */
  #release(now: number): void {
    clearTimeout(this.#timer);
    for (const [id, { submission, due }] of this.#held) {
      if (due > now) break;
      this.#held.delete(id);
      this.#add({ submission, held: true });
    }
    const next = this.#oldest();
    this.#timer = next &&
      setTimeout(
        () => this.#release(performance.now()),
        Math.max(RELEASE_MS, next.due - performance.now()),
      );
  }

  #oldest(): { readonly due: number } | undefined {
    return this.#held.values().next().value;
  }

  #add(unwritten: Unwritten): void {
    const { submission } = unwritten;
    this.#unwritten.set(submission.id, submission);
    const written = () => {
      if (this.#unwritten.get(submission.id) === submission) this.#unwritten.delete(submission.id);
    };
    this.#batch.add(unwritten).then(written, (error) => {
      this.#drop(error);
      written();
    });
  }

  async #flush(batch: readonly Unwritten[]): Promise<void> {
    const held = batch.filter((one) => one.held);
    let rest = batch;
    if (this.#mostSettle && held.length > 0) {
      const missing = new Set(
        await this.#store.unrecorded(held.map(({ submission }) => submission.id)),
      );
      rest = batch.filter((one) => !one.held || missing.has(one.submission.id));
      this.#mostSettle = missing.size <= held.length / 2;
      if (rest.length > 0) await this.#store.submitted(rest.map(({ submission }) => submission));
      return;
    }
    const inserted = await this.#store.submitted(rest.map(({ submission }) => submission));
    if (held.length > 0) this.#mostSettle = inserted <= rest.length / 2;
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
