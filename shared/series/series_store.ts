/** The table of counts and histograms per minute, task and queue. */
import { LIST_OPTIONS, type Sql } from "../database/database.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import { BUCKETS, type Histogram } from "./histogram.ts";

/** Outcomes that are counted. */
export const COUNTED = ["succeeded", "failed", "retried", "rejected", "revoked"] as const;

/** An outcome that is counted. */
export type Counted = (typeof COUNTED)[number];

/** Counts of one task in one queue. */
export interface SeriesCounts extends Readonly<Record<Counted, number>> {
  /** Run times of handlers. */
  readonly runs: Histogram;
  /** Times between submission, or the due time, and the start. */
  readonly waits: Histogram;
}

/** Counts of one minute, or of the step that begins at that time. */
export interface SeriesEntry extends SeriesCounts {
  readonly at: Date;
  /** Empty if tasks are added up. */
  readonly task: string;
  /** Empty if queues are added up. */
  readonly queue: string;
}

/** Which series to read. */
export interface SeriesQuery {
  readonly since: Date;
  readonly until: Date;
  /** Seconds. */
  readonly step: number;
  readonly task?: string;
  readonly queue?: string;
  /** Whether to add up all tasks, all queues, or both. Default: neither. */
  readonly addUp?: { readonly tasks: boolean; readonly queues: boolean };
}

type Row = Readonly<Record<Counted, number>> & {
  readonly at: Date;
  readonly task: string;
  readonly queue: string;
  readonly runs: string[];
  readonly waits: string[];
  readonly run_seconds: number;
  readonly wait_seconds: number;
};

const ADD = "select celeriac.add_series($1::text::json)";

const READ = `
  select at, coalesce(task, '') as task, coalesce(queue, '') as queue, succeeded, failed, retried, rejected, revoked, runs::text[] as runs, waits::text[] as waits,
    run_seconds, wait_seconds
  from celeriac.read_series($1, $2, $3 * interval '1 second', $4, $5, $6, ${BUCKETS}, $7, $8)`;

/** Adds to series and reads them. */
export class SeriesStore {
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** Adds counts. The same minute, task and queue may occur once.
   *
   * @throws {DatabaseUnavailable} */
  async add(entries: readonly SeriesEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const rows = entries.map(({ at, task, queue, runs, waits, ...counts }) => ({
      ...counts,
      minute: at.toISOString(),
      task: sanitizeText(task),
      queue: sanitizeText(queue),
      runs: runs.counts,
      waits: waits.counts,
      run_seconds: runs.sum,
      wait_seconds: waits.sum,
    }));
    await this.#database.query(ADD, [JSON.stringify(rows)]);
  }

  /** Reads sums per step, task and queue, in the order of time.
   *
   * @param most maximum number of entries
   * @throws {DatabaseUnavailable}
   * @throws {DatabaseTooSlow} */
  async read(
    { since, until, step, task, queue, addUp }: SeriesQuery,
    most: number,
  ): Promise<SeriesEntry[]> {
    const values = [since.toISOString(), until.toISOString(), step, task ?? null, queue ?? null];
    const given = [...values, most, !addUp?.tasks, !addUp?.queues];
    return (await this.#database.query<Row>(READ, given, LIST_OPTIONS)).map(fromRow);
  }
}

function fromRow({ runs, waits, run_seconds, wait_seconds, ...rest }: Row): SeriesEntry {
  return {
    ...rest,
    runs: { counts: runs.map(Number), sum: run_seconds },
    waits: { counts: waits.map(Number), sum: wait_seconds },
  };
}
