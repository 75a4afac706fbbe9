/** The table of replays: recorded events that become tasks of one subscription again, or for the first time. */
import type { Sql } from "../database/database.ts";
import { sanitizeText } from "../database/sanitize_text.ts";

/** A replay to start. */
export interface NewReplay {
  /** A UUID: the ids of its tasks follow from it if `again`. */
  readonly id: string;
  /** Name of the subscription. */
  readonly subscription: string;
  /** Only events recorded at this time or later; `null`: all. */
  readonly since: Date | null;
  /** Only events recorded before this time; `null`: until now. */
  readonly until: Date | null;
  /** Patterns of types; empty: all events that the subscription selects. */
  readonly types: readonly string[];
  /** Maximum tasks per second. */
  readonly rate: number;
  /** Whether events that already have a task of the subscription get another one. */
  readonly again: boolean;
}

/** A started replay. */
export interface StoredReplay extends NewReplay {
  /** The last position that is done. */
  readonly position: number;
  /** The last position to do. */
  readonly lastPosition: number;
  /** Tasks sent so far. */
  readonly sent: number;
  readonly createdAt: Date;
  /** `null` while it runs. */
  readonly endedAt: Date | null;
  /** Failed steps since one succeeded: 0 unless the next step repeats a failed one. */
  readonly failures: number;
  /** Why the last step failed; `null` if it succeeded. */
  readonly error: string | null;
  readonly failedAt: Date | null;
}

/** Progress of a replay. */
export interface ReplayStep {
  readonly id: string;
  /** The last position that is done now. */
  readonly position: number;
  /** Tasks sent in this step. */
  readonly sent: number;
  /** Seconds until the next step. */
  readonly pause: number;
}

interface Row {
  readonly id: string;
  readonly subscription: string;
  readonly since: Date | null;
  readonly until: Date | null;
  readonly types: string[];
  readonly rate: number;
  readonly again: boolean;
  readonly position: number;
  readonly last_position: number;
  readonly sent: number;
  readonly created_at: Date;
  readonly ended_at: Date | null;
  readonly failures: number;
  readonly error: string | null;
  readonly failed_at: Date | null;
}

/** Maximum characters of a stored error. */
const ERROR_MAX = 1000;

/** Days that the row of an ended replay is kept. */
const KEPT_DAYS = 30;

const columns = (table: string) =>
  `${table}.id, ${table}.subscription, ${table}.since, ${table}.until, ${table}.types, ${table}.rate,
   ${table}.again, ${table}.position::float8 as position, ${table}.last_position::float8 as last_position,
   ${table}.sent::float8 as sent, ${table}.created_at, ${table}.ended_at,
   ${table}.failures, ${table}.error, ${table}.failed_at`;

// Waits for the events that are being recorded: the subscriptions of each were read before, perhaps without this one.
const RECORDED = "select celeriac.lock_events()";

const ADD = `
  with swept as (
    delete from celeriac.replay where ended_at < now() - interval '${KEPT_DAYS} days'
  )
  insert into celeriac.replay as replay
    (id, subscription, since, until, types, rate, again, position, last_position)
  select $1, name, $3, $4, $5::text[], $6, $7,
    coalesce(celeriac.position_before($3), 0),
    case when $4::timestamptz is null
      then (select coalesce(max(position), 0) from celeriac.event)
      else celeriac.position_before($4)
    end
  from celeriac.subscription where name = $2
  returning ${columns("replay")}`;

const LATEST = `
  select ${columns("replay")} from celeriac.replay as replay
  where subscription = $1 order by created_at desc limit $2`;

// Another process may take over after the lease: its tasks have the same ids.
const CLAIM = `
  update celeriac.replay as replay
  set next_at = clock_timestamp() + $1 * interval '1 second'
  where id = (
    select due.id from celeriac.replay as due
    join celeriac.subscription on subscription.name = due.subscription
    where due.ended_at is null and due.next_at <= clock_timestamp() and subscription.paused_at is null
    order by due.next_at limit 1 for update of due skip locked
  )
  returning ${columns("replay")}`;

const ADVANCE = `
  update celeriac.replay
  set position = $2, sent = sent + $3, next_at = clock_timestamp() + $4 * interval '1 second',
    ended_at = case when $2 >= last_position then now() end, failures = 0, error = null, failed_at = null
  where id = $1 and position <= $2 and ended_at is null`;

const POSTPONE = `
  update celeriac.replay
  set next_at = clock_timestamp() + $2 * interval '1 second', failures = failures + 1, error = $3, failed_at = now()
  where id = $1 and ended_at is null`;

const FAILING = `
  select count(*)::float8 as count from celeriac.replay where ended_at is null and failures > 0`;

const NEXT_DUE = `
  select (extract(epoch from min(next_at) - clock_timestamp()) * 1000)::float8 as ms
  from celeriac.replay join celeriac.subscription on subscription.name = replay.subscription
  where ended_at is null and paused_at is null`;

/** Starts, lists and advances replays. */
export class ReplayStore {
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** Starts a replay of the events that are recorded now. Events that are recorded later become tasks by their dispatch.
   *
   * @returns `undefined` when no subscription has that name
   * @throws {DatabaseUnavailable} */
  async add(replay: NewReplay): Promise<StoredReplay | undefined> {
    const { id, subscription, since, until, types, rate, again } = replay;
    await this.#database.query(RECORDED);
    const values = [id, subscription, since, until, [...types], rate, again];
    const [row] = await this.#database.query<Row>(ADD, values);
    return row && fromRow(row);
  }

  /** The latest replays of a subscription, newest first.
   *
   * @throws {DatabaseUnavailable} */
  async latest(subscription: string, limit: number): Promise<StoredReplay[]> {
    return (await this.#database.query<Row>(LATEST, [subscription, limit])).map(fromRow);
  }

  /** Takes one due step of a replay whose subscription is not paused.
   *
   * @param seconds after which another process may take the same step
   * @throws {DatabaseUnavailable} */
  async claim(seconds: number): Promise<StoredReplay | undefined> {
    const [row] = await this.#database.query<Row>(CLAIM, [seconds]);
    return row && fromRow(row);
  }

  /** Writes the result of a step, and the end of the replay after its last position.
   *
   * @throws {DatabaseUnavailable} */
  async advance({ id, position, sent, pause }: ReplayStep): Promise<void> {
    await this.#database.query(ADVANCE, [id, position, sent, pause]);
  }

  /** Releases a step that failed, and counts and keeps its failure.
   *
   * @param failure.seconds before it is due again
   * @param failure.error why it failed
   * @throws {DatabaseUnavailable} */
  async postpone(
    id: string,
    { seconds, error }: { readonly seconds: number; readonly error: string },
  ): Promise<void> {
    const kept = sanitizeText(error.slice(0, ERROR_MAX));
    await this.#database.query(POSTPONE, [id, seconds, kept]);
  }

  /** Number of replays whose last step failed.
   *
   * @throws {DatabaseUnavailable} */
  async countFailing(): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(FAILING);
    return row?.count ?? 0;
  }

  /** Milliseconds until the next step that can be claimed, negative if it is overdue; `undefined` when no replay runs.
   *
   * @throws {DatabaseUnavailable} */
  async nextDueMs(): Promise<number | undefined> {
    const [row] = await this.#database.query<{ ms: number | null }>(NEXT_DUE);
    return row?.ms ?? undefined;
  }
}

function fromRow(
  { last_position, created_at, ended_at, failed_at, ...row }: Row,
): StoredReplay {
  return {
    ...row,
    lastPosition: last_position,
    createdAt: created_at,
    endedAt: ended_at,
    failedAt: failed_at,
  };
}
