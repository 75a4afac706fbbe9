/** The table of pauses, and the messages that wait for their end. */
import { messageRow, type OutboxEntry } from "../outbox/outbox.ts";
import type { Sql } from "../database/database.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import type { Pause, PauseKey, PauseScope } from "./pause.ts";

/** A stored pause. */
export interface StoredPause extends Pause {
  /** Who paused it, as in the audit log. */
  readonly pausedBy: string;
  /** When it was resumed; `null` while it is in force. */
  readonly resumedAt: Date | null;
  /** Messages per second of the resume; `null`: all at once. */
  readonly rate: number | null;
  /** Messages that wait for its end, with those that were revoked meanwhile. */
  readonly parked: number;
  /** Bytes of their bodies. */
  readonly parkedBytes: number;
}

/** The pauses that are in force, and how much waits for all pauses. */
export interface PausesInForce {
  readonly pauses: readonly Pause[];
  /** Messages that wait for the end of a pause, those of resumed pauses included. */
  readonly parked: number;
  /** Bytes of their bodies. */
  readonly parkedBytes: number;
}

/** A message that waits for the end of a pause. */
export interface ParkedEntry extends Omit<OutboxEntry, "due"> {
  readonly pause: PauseKey;
}

interface Row {
  readonly scope: PauseScope;
  readonly name: string;
  readonly reason: string | null;
  readonly paused_by: string;
  readonly paused_at: Date;
  readonly resumed_at: Date | null;
  readonly rate: number | null;
  readonly parked: number;
  readonly parked_bytes: number;
}

const COLUMNS = `
  scope, name, reason, paused_by, paused_at, resumed_at, rate, parked::float8 as parked,
  parked_bytes::float8 as parked_bytes`;

const LIST = `select ${COLUMNS} from celeriac.pause order by scope, name`;

const FIND = `select ${COLUMNS} from celeriac.pause where scope = $1 and name = $2`;

const IN_FORCE = `
  select scope, name, reason, paused_at, resumed_at, parked::float8 as parked, parked_bytes::float8 as parked_bytes
  from celeriac.pause order by scope, name`;

// A repeated pause keeps its beginning. One during a resume begins now.
const PAUSE = `
  insert into celeriac.pause (scope, name, reason, paused_by) values ($1, $2, $3, $4)
  on conflict (scope, name) do update
  set reason = excluded.reason, paused_by = excluded.paused_by,
    paused_at = case when pause.resumed_at is null then pause.paused_at else excluded.paused_at end,
    resumed_at = null, rate = null, next_at = null
  returning ${COLUMNS}`;

// A repeated resume changes the rate.
const RESUME = `
  update celeriac.pause set resumed_at = coalesce(resumed_at, now()), rate = $3, next_at = null
  where scope = $1 and name = $2
  returning ${COLUMNS}`;

const PARK = "select celeriac.park_messages($1::text::json)";

const RELEASE = "select celeriac.release_parked($1) as released";

/** Reads and writes pauses. */
export class PauseStore {
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** All pauses, those that are being resumed included.
   *
   * @throws {DatabaseUnavailable} */
  async list(): Promise<StoredPause[]> {
    return (await this.#database.query<Row>(LIST)).map(fromRow);
  }

  /** @throws {DatabaseUnavailable} */
  async find({ scope, name }: PauseKey): Promise<StoredPause | undefined> {
    const [row] = await this.#database.query<Row>(FIND, [scope, name]);
    return row && fromRow(row);
  }

  /** The pauses that are in force.
   *
   * @throws {DatabaseUnavailable} */
  async inForce(): Promise<PausesInForce> {
    const rows = await this.#database.query<Row>(IN_FORCE);
    const pauses = rows.filter(({ resumed_at }) => resumed_at === null)
      .map(({ scope, name, reason, paused_at }) => ({ scope, name, reason, pausedAt: paused_at }));
    return {
      pauses,
      parked: rows.reduce((sum, { parked }) => sum + parked, 0),
      parkedBytes: rows.reduce((sum, { parked_bytes }) => sum + parked_bytes, 0),
    };
  }

  /** Pauses a queue or task. A repeated pause keeps its beginning and changes the reason.
   *
   * @throws {DatabaseUnavailable} */
  async pause(
    { scope, name }: PauseKey,
    { reason, by }: { reason: string | null; by: string },
  ): Promise<StoredPause> {
    const text = reason === null ? null : sanitizeText(reason);
    const [row] = await this.#database.query<Row>(PAUSE, [scope, name, text, by]);
    return fromRow(row!);
  }

  /** Ends a pause. {@linkcode PauseStore.release} makes its messages due.
   *
   * @param options.rate messages per second; `null`: all at once
   * @returns `undefined` if it is not paused
   * @throws {DatabaseUnavailable} */
  async resume(
    { scope, name }: PauseKey,
    { rate }: { rate: number | null },
  ): Promise<StoredPause | undefined> {
    const [row] = await this.#database.query<Row>(RESUME, [scope, name, rate]);
    return row && fromRow(row);
  }

  /** Stores messages until their pauses end. Messages whose pause has ended in the meantime are due now. May be repeated.
   *
   * @throws {DatabaseUnavailable} when it is unknown whether they were stored */
  async park(entries: readonly ParkedEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const rows = entries.map(({ pause: { scope, name }, ...entry }) => ({
      ...messageRow(entry),
      scope,
      name: sanitizeText(name),
    }));
    await this.#database.query(PARK, [JSON.stringify(rows)]);
  }

  /** Makes parked messages due whose pauses have ended. With a rate, those of the next two seconds.
   *
   * @param most messages of each pause
   * @returns their number
   * @throws {DatabaseUnavailable} */
  async release(most: number): Promise<number> {
    const [row] = await this.#database.query<{ released: number }>(RELEASE, [most]);
    return row?.released ?? 0;
  }
}

function fromRow(row: Row): StoredPause {
  const { scope, name, reason, rate, parked } = row;
  return {
    scope,
    name,
    reason,
    pausedBy: row.paused_by,
    pausedAt: row.paused_at,
    resumedAt: row.resumed_at,
    rate,
    parked,
    parkedBytes: row.parked_bytes,
  };
}
