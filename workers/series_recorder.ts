/** Counts the results of deliveries per minute, task and queue, in memory, and adds them to the database every ten seconds. */
import { getLogger } from "@logtape/logtape";
import type { Registry } from "../shared/contracts/registry.ts";
import { sanitizeText } from "../shared/database/sanitize_text.ts";
import { DatabaseUnreached } from "../shared/errors.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { Loop } from "../shared/runtime/loop.ts";
import type { Service } from "../shared/runtime/service.ts";
import { waitAtMost } from "../shared/runtime/waits.ts";
import { timeOf } from "../shared/results/uuid_time.ts";
import { bucketOf, BUCKETS } from "../shared/series/histogram.ts";
import {
  COUNTED,
  type Counted,
  type SeriesEntry,
  type SeriesStore,
} from "../shared/series/series_store.ts";
import type { DeliveryResult } from "./delivery/delivery_result.ts";
import type { Outcome } from "./delivery/outcome.ts";

/** Milliseconds between two writes. */
const WRITE_MS = 10_000;
/** Maximum time in milliseconds of the last write. */
const STOP_MS = 1000;
/** Name that counts the tasks without a contract: their names come from outside, and each would be a row a minute for days. */
const OTHER = "other";
/** Maximum number of entries in memory: an outage may be long. */
const ENTRIES_MAX = 5000;
/** Maximum characters of a name: longer ones may not fit into the index of the table. */
const NAME_MAX = 255;
const MINUTE_MS = 60_000;

const COUNTS: Readonly<Partial<Record<Outcome["kind"], Counted>>> = {
  success: "succeeded",
  failure: "failed",
  retry: "retried",
  reject: "rejected",
  revoked: "revoked",
};

/** Mutable counts of one minute, task and queue. */
type Entry =
  & Pick<SeriesEntry, "at" | "task" | "queue">
  & Record<Counted, number>
  & { readonly runs: Counts; readonly waits: Counts };

interface Counts {
  readonly counts: number[];
  sum: number;
}

/** What is counted of a delivery. */
type Observed = Pick<DeliveryResult, "task" | "queue" | "outcome" | "startedAt" | "runtime">;

/** Options of a {@linkcode SeriesRecorder}. */
export interface SeriesRecorderOptions {
  readonly store: Pick<SeriesStore, "add">;
  readonly clock: Clock;
  /** Contracts whose tasks are counted by name. */
  readonly contracts: Pick<Registry, "get">;
  /** Milliseconds between two writes. Default 10,000. */
  readonly writeMs?: number;
}

/** Best effort: counts of a write without a reply are not repeated, and those of a killed worker are lost. */
export class SeriesRecorder implements Service {
  readonly #options: SeriesRecorderOptions;
  readonly #loop: Loop;
  /** By task and queue, of the current minute. */
  #current = new Map<string, Map<string, Entry>>();
  #minute = 0;
  /** Entries that are not written yet. */
  #entries: Entry[] = [];

  constructor(options: SeriesRecorderOptions) {
    this.#options = options;
    const { writeMs = WRITE_MS } = options;
    this.#loop = new Loop({
      name: "series",
      round: async () => {
        await this.write();
        return writeMs;
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** Writes the last counts. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await waitAtMost(STOP_MS, this.write().catch(() => {}));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Counts one result. */
  observe({ task, queue, outcome, startedAt, runtime }: Observed): void {
    const counted = COUNTS[outcome.kind];
    if (counted === undefined || task === null) return;
    const name = this.#options.contracts.get(task.task) ? task.task : OTHER;
    const entry = this.#entry(name, queue);
    if (!entry) return;
    entry[counted]++;
    if (runtime !== null) count(entry.runs, runtime);
    if (startedAt === null) return;
    // The first attempt is ready when it is submitted, if its id says when; later ones when they are due.
    const readyAt = task.eta ?? (task.retries === 0 ? timeOf(task.id) : undefined);
    if (readyAt) count(entry.waits, Math.max(0, (startedAt.getTime() - readyAt.getTime()) / 1000));
  }

  /** Writes the counts so far.
   *
   * @throws {DatabaseUnavailable} */
  async write(): Promise<void> {
    // The clock may have gone back to a minute that was left, and two names may be stored alike.
    const entries = unique(this.#entries);
    if (entries.length === 0) return;
    this.#entries = [];
    this.#current = new Map();
    try {
      await this.#options.store.add(entries);
    } catch (error) {
      // Otherwise they may be stored, and would count twice.
      if (error instanceof DatabaseUnreached) this.#keep(entries);
      else log.debug("Lost {count} series: {error}", { count: entries.length, error });
      throw error;
    }
  }

  /** The next write adds these entries and the new ones, each key once. */
  #keep(entries: readonly Entry[]): void {
    this.#entries = unique([...entries, ...this.#entries]).slice(-ENTRIES_MAX);
    this.#current = new Map();
    for (const entry of this.#entries) {
      if (entry.at.getTime() === this.#minute) this.#index(entry.task, entry.queue, entry);
    }
  }

  #entry(task: string, queue: string): Entry | undefined {
    const now = this.#options.clock.now().getTime();
    const minute = now - now % MINUTE_MS;
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#current = new Map();
    }
    const known = this.#current.get(task)?.get(queue);
    if (known) return known;
    if (this.#entries.length >= ENTRIES_MAX) return undefined;
    const entry = emptyEntry(new Date(minute), storedName(task), storedName(queue));
    this.#entries.push(entry);
    this.#index(task, queue, entry);
    return entry;
  }

  #index(task: string, queue: string, entry: Entry): void {
    const byQueue = this.#current.get(task);
    if (byQueue) byQueue.set(queue, entry);
    else this.#current.set(task, new Map([[queue, entry]]));
  }
}

/** The beginning of a name, as the table can store it. */
function storedName(name: string): string {
  return sanitizeText(name.slice(0, NAME_MAX));
}

function emptyEntry(at: Date, task: string, queue: string): Entry {
  const counts = () => ({ counts: new Array<number>(BUCKETS).fill(0), sum: 0 });
  return {
    at,
    task,
    queue,
    succeeded: 0,
    failed: 0,
    retried: 0,
    rejected: 0,
    revoked: 0,
    runs: counts(),
    waits: counts(),
  };
}

function count(histogram: Counts, seconds: number): void {
  histogram.counts[bucketOf(seconds)]!++;
  histogram.sum += seconds;
}

function merged(one: Entry, other: Entry): Entry {
  for (const name of COUNTED) one[name] += other[name];
  for (const name of ["runs", "waits"] as const) {
    one[name].sum += other[name].sum;
    for (const [bucket, added] of other[name].counts.entries()) one[name].counts[bucket]! += added;
  }
  return one;
}

/** The entries with those of one minute, task and queue merged. */
function unique(entries: readonly Entry[]): Entry[] {
  const byKey = new Map<string, Entry>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const before = byKey.get(key);
    byKey.set(key, before ? merged(before, entry) : entry);
  }
  return [...byKey.values()];
}

function keyOf({ at, task, queue }: Entry): string {
  return JSON.stringify([at.getTime(), task, queue]);
}

const log = getLogger(["celeriac", "worker"]);
