/** The table of bulk jobs. */
import type { Sql } from "../../shared/database/database.ts";
import { sanitizeText } from "../../shared/database/sanitize_text.ts";
import { Caller, type Rights } from "../access/caller.ts";
import type { BulkAction, BulkFilter, BulkJob, NewBulkJob, Refusal } from "./bulk_job.ts";

/** Progress of a job. */
export interface BulkStep {
  /** Where the next step begins; `null` at the end. */
  readonly next: string | null;
  readonly done: number;
  readonly refusals: readonly Refusal[];
}

/** Refused tasks that a job names. */
const REFUSALS_MAX = 20;

/** Days that the row of an ended job is kept. */
const KEPT_DAYS = 30;

/** Jobs in a list. */
const LISTED = 100;

const COLUMNS = `
  id, action, terminate, filter, frozen_at, matched::float8 as matched, caller, caller_name, rights, position,
  done::float8 as done, refused::float8 as refused, refusals, created_at, ended_at, stopped`;

const ADD = `
  with swept as (
    delete from celeriac.bulk_job where ended_at < now() - interval '${KEPT_DAYS} days'
  )
  insert into celeriac.bulk_job (id, action, terminate, filter, frozen_at, matched, caller, caller_name, rights)
  values ($1, $2, $3, $4::text::json, $5, $6, $7, $8, $9::text::json)
  on conflict (id) do nothing
  returning ${COLUMNS}`;

const FIND = `select ${COLUMNS} from celeriac.bulk_job where id = $1`;

const LIST = `
  select ${COLUMNS} from celeriac.bulk_job
  where $1::text is null or caller = $1
  order by created_at desc, id limit ${LISTED}`;

// Another process may take over after the lease.
const CLAIM = `
  update celeriac.bulk_job as job set next_at = clock_timestamp() + $1 * interval '1 second'
  where id = (
    select id from celeriac.bulk_job where ended_at is null and next_at <= clock_timestamp()
    order by next_at limit 1 for update skip locked
  )
  returning ${COLUMNS}`;

// Nothing changes if another process has taken over and advanced the job. The step that runs while the job is stopped still counts.
const ADVANCE = `
  update celeriac.bulk_job
  set position = $3, done = done + $4, refused = refused + $5, refusals = $6::text::json, next_at = clock_timestamp(),
    ended_at = case when stopped is not null then ended_at when $3::text is null then now() end
  where id = $1 and (ended_at is null or stopped is not null) and position is not distinct from $2`;

const POSTPONE = `
  update celeriac.bulk_job set next_at = clock_timestamp() + $2 * interval '1 second'
  where id = $1 and ended_at is null`;

const STOP = `
  update celeriac.bulk_job set ended_at = now(), stopped = $2 where id = $1 and ended_at is null
  returning ${COLUMNS}`;

interface Row {
  readonly id: string;
  readonly action: BulkAction;
  readonly terminate: boolean;
  readonly filter: BulkFilter;
  readonly frozen_at: Date;
  readonly matched: number | null;
  readonly caller: string;
  readonly caller_name: string;
  readonly rights: Omit<Rights, "expiresAt"> & { readonly expiresAt: string | null };
  readonly position: string | null;
  readonly done: number;
  readonly refused: number;
  readonly refusals: readonly Refusal[];
  readonly created_at: Date;
  readonly ended_at: Date | null;
  readonly stopped: string | null;
}

/** Starts, lists and advances jobs. */
export class BulkStore {
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** Starts a job.
   *
   * @returns the stored job of this id, which an earlier call may have started
   * @throws {DatabaseUnavailable} */
  async add(job: NewBulkJob): Promise<BulkJob> {
    const { id, action, terminate, filter, frozenAt, matched, caller } = job;
    const [row] = await this.#database.query<Row>(ADD, [
      id,
      action,
      terminate,
      JSON.stringify(filter),
      frozenAt,
      matched,
      caller.id,
      sanitizeText(caller.name),
      JSON.stringify(caller.rights),
    ]);
    return row ? fromRow(row) : (await this.find(id))!;
  }

  /** @throws {DatabaseUnavailable} */
  async find(id: string): Promise<BulkJob | undefined> {
    const [row] = await this.#database.query<Row>(FIND, [id]);
    return row && fromRow(row);
  }

  /** The latest jobs, newest first.
   *
   * @param caller id of the caller whose jobs are listed; `null`: those of all callers
   * @throws {DatabaseUnavailable} */
  async list(caller: string | null): Promise<BulkJob[]> {
    return (await this.#database.query<Row>(LIST, [caller])).map(fromRow);
  }

  /** Takes the job that is due first, if there is one. No other process takes it before the lease ends.
   *
   * @throws {DatabaseUnavailable} */
  async claim(leaseSeconds: number): Promise<BulkJob | undefined> {
    const [row] = await this.#database.query<Row>(CLAIM, [leaseSeconds]);
    return row && fromRow(row);
  }

  /** Stores a step of a job. It has no effect if another process has stored the step.
   *
   * @throws {DatabaseUnavailable} */
  async advance(job: BulkJob, { next, done, refusals }: BulkStep): Promise<void> {
    const named = [...job.refusals, ...refusals].slice(0, REFUSALS_MAX)
      .map(({ id, reason }) => ({ id: sanitizeText(id), reason: sanitizeText(reason) }));
    const values = [job.id, job.position, next, done, refusals.length, JSON.stringify(named)];
    await this.#database.query(ADVANCE, values);
  }

  /** Repeats a step later.
   *
   * @throws {DatabaseUnavailable} */
  async postpone(id: string, seconds: number): Promise<void> {
    await this.#database.query(POSTPONE, [id, seconds]);
  }

  /** Ends a job. A step that is running is still stored.
   *
   * @returns `undefined` if it has ended already
   * @throws {DatabaseUnavailable} */
  async stop(id: string, why: string): Promise<BulkJob | undefined> {
    const [row] = await this.#database.query<Row>(STOP, [id, sanitizeText(why)]);
    return row && fromRow(row);
  }
}

function fromRow(row: Row): BulkJob {
  const { frozen_at, caller, caller_name, rights, created_at, ended_at, ...rest } = row;
  const expiresAt = rights.expiresAt === null ? null : new Date(rights.expiresAt);
  return {
    ...rest,
    frozenAt: frozen_at,
    caller: new Caller(caller, caller_name, { ...rights, expiresAt }),
    createdAt: created_at,
    endedAt: ended_at,
  };
}
