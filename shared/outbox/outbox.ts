/** The outbox: messages that Postgres holds until they are due or the broker can accept them.
 *
 * One mechanism serves ETAs, retry delays and broker outages: a message to publish at a given time.
 * @module
 */
import type { Message } from "../broker/message.ts";
import type { Sql } from "../database/database.ts";
import { UNKNOWN_SINCE } from "../celery/headers.ts";
import { countRows } from "../database/row_count.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import { type StoredMessage, toStored } from "../broker/stored_message.ts";

/** A message and its due time. Unique by (task id, retries) until it is offered to the broker: a second copy of one attempt is not stored. */
export interface OutboxEntry {
  readonly taskId: string;
  /** Failed attempts before this message (its header `retries`). */
  readonly retries: number;
  /** Due time in milliseconds of `performance.now()`. The database receives the remaining delay, so neither clock skew nor a clock
   * change affects it. */
  readonly due: number;
  readonly message: Message;
}

/** Statistics of the outbox. */
export interface OutboxDepth {
  /** Number of all entries. */
  readonly total: number;
  /** Number of due entries. If it stays above zero, the broker or the relay is down. */
  readonly due: number;
  /** Age in seconds of the oldest due entry; 0 when none is due. */
  readonly lag: number;
}

/** {@linkcode OutboxEntry.due} for an absolute time.
 *
 * @param now the present by the same clock as `dueAt` */
export function dueOf(dueAt: Date, now: Date): number {
  return performance.now() + dueAt.getTime() - now.getTime();
}

/** An entry that is stored if the record of a task takes its settlement. */
export interface SettledEntry extends OutboxEntry {
  /** Id of that task. Default: the entry's own task. */
  readonly settledBy?: string;
}

/** Columns of {@linkcode entriesJson}, as the source of an insert. */
export const ENTRY_COLUMNS =
  "task_id text, retries integer, delay float8, exchange text, routing_key text, properties text, headers text, body text";

/** Maps {@linkcode ENTRY_COLUMNS} of a source named `entry` to columns of the table. */
export const ENTRY_VALUES =
  "entry.task_id, entry.retries, statement_timestamp() + entry.delay * interval '1 second', entry.exchange, entry.routing_key, entry.properties::json, entry.headers::json, decode(entry.body, 'base64')";

const ADD = `
  insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
  select ${ENTRY_VALUES} from json_to_recordset($1::text::json) as entry (${ENTRY_COLUMNS})
  on conflict do nothing`;

/** A separate statement, because a worker may only insert. */
const ADD_FRESH = `${ADD} returning task_id, retries`;

const DEPTH = `
  select count(*)::float8 as total,
    (count(*) filter (where due_at <= now()))::float8 as due,
    greatest(extract(epoch from now() - min(due_at)), 0)::float8 as lag
  from celeriac.outbox`;

const LAG = `
  select greatest(extract(epoch from clock_timestamp() - due_at), 0)::float8 as lag
  from celeriac.outbox order by due_at limit 1`;

const HASTEN = "select celeriac.hasten($1::text[])";

const FIND_STAMPED =
  "select id::text, task_id from celeriac.find_stamped($1::text::json, $2::text::bigint, $3)";

/** Messages of one page of {@linkcode Outbox.findStamped}. */
const PAGE = 500;

/** A message of one task in the outbox. */
export interface StoredEntry {
  /** Failed attempts before this message. */
  readonly retries: number;
  /** When it is due; while a relay publishes it, when another relay may take over. In the year 9999 if it waits for the end of a pause. */
  readonly dueAt: Date;
  readonly queue: string;
  /** Whether a relay has offered it to the broker. */
  readonly offered: boolean;
  /** Attempts to publish it that failed. */
  readonly attempts: number;
  readonly lastError: string | null;
  /** Worker that runs the task and keeps the message here meanwhile. */
  readonly holder: string | null;
  readonly storedAt: Date;
  /** When a worker without the task first received it. */
  readonly unknownSince: Date | null;
}

const FIND = `
  select retries, due_at, routing_key as queue, offer > 0 as offered, attempts, last_error, holder, created_at as stored_at,
    headers ->> '${UNKNOWN_SINCE}' as unknown_since
  from celeriac.outbox where task_id = $1 order by due_at limit 10`;

interface FoundRow {
  readonly retries: number;
  readonly due_at: Date;
  readonly queue: string;
  readonly offered: boolean;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly holder: string | null;
  readonly stored_at: Date;
  readonly unknown_since: string | null;
}

/** Values of stamps by the stamp's name. */
export type StampValues = Readonly<Record<string, readonly unknown[]>>;

/** The table of pending messages. Relays drain it. */
export class Outbox {
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** Resolves when the entries are committed; entries that already exist stay unchanged.
   *
   * @param sql the transaction to use
   * @throws {DatabaseUnavailable} when it is unknown whether they were stored */
  async add(entries: readonly OutboxEntry[], sql: Sql = this.#database): Promise<void> {
    if (entries.length > 0) await sql.query(ADD, [entriesJson(entries)]);
  }

  /** Adds entries and returns which of them are new.
   *
   * @param sql the transaction to use
   * @throws {DatabaseUnavailable} */
  async addFresh(
    entries: readonly OutboxEntry[],
    sql: Sql,
  ): Promise<Pick<OutboxEntry, "taskId" | "retries">[]> {
    const added = await sql.query<{ task_id: string; retries: number }>(ADD_FRESH, [
      entriesJson(entries),
    ]);
    return added.map(({ task_id, retries }) => ({ taskId: task_id, retries }));
  }

  /** Makes the messages of revoked tasks due now. The worker that receives one finds the task revoked and continues its workflow.
   *
   * @throws {DatabaseUnavailable} */
  async hasten(taskIds: readonly string[]): Promise<void> {
    await this.#database.query(HASTEN, [taskIds.map((id) => sanitizeText(id))]);
  }

  /** Pages of ids of tasks that have one of these stamps and are not running.
   *
   * @throws {DatabaseUnavailable} */
  async *findStamped(stamps: StampValues): AsyncGenerator<string[]> {
    for (let after = "0";;) {
      const rows = await this.#database.query<{ id: string; task_id: string }>(FIND_STAMPED, [
        JSON.stringify(stamps),
        after,
        PAGE,
      ]);
      if (rows.length > 0) yield rows.map(({ task_id }) => task_id);
      if (rows.length < PAGE) return;
      after = rows.at(-1)!.id;
    }
  }

  /** Messages of a task, the first 10 that are due.
   *
   * @throws {DatabaseUnavailable} */
  async find(taskId: string): Promise<StoredEntry[]> {
    const rows = await this.#database.query<FoundRow>(FIND, [sanitizeText(taskId)]);
    return rows.map((row) => ({
      retries: row.retries,
      dueAt: row.due_at,
      queue: row.queue,
      offered: row.offered,
      attempts: row.attempts,
      lastError: row.last_error,
      holder: row.holder,
      storedAt: row.stored_at,
      unknownSince: row.unknown_since === null ? null : new Date(row.unknown_since),
    }));
  }

  /** Number of entries, as {@linkcode countRows}: for metrics.
   *
   * @throws {DatabaseUnavailable} */
  count(): Promise<number> {
    return countRows(this.#database, "celeriac.outbox");
  }

  /** Seconds since the oldest entry was due, 0 if none is due: for metrics. Reads one row.
   *
   * @throws {DatabaseUnavailable} */
  async lag(): Promise<number> {
    const [row] = await this.#database.query<{ lag: number }>(LAG);
    return row?.lag ?? 0;
  }

  /** Reads the whole table.
   *
   * @throws {DatabaseUnavailable} */
  async depth(): Promise<OutboxDepth> {
    const [depth] = await this.#database.query<{ total: number; due: number; lag: number | null }>(
      DEPTH,
    );
    return { total: depth?.total ?? 0, due: depth?.due ?? 0, lag: depth?.lag ?? 0 };
  }
}

/** Entries as one JSON text, for `json_to_recordset`. */
export function entriesJson(entries: readonly SettledEntry[]): string {
  const now = performance.now();
  return JSON.stringify(
    entries.map((entry) => ({
      ...messageRow(entry),
      delay: (entry.due - now) / 1000,
      ...(entry.settledBy !== undefined && { settled_by: sanitizeText(entry.settledBy) }),
    })),
  );
}

/** The columns of an entry without its due time. */
export function messageRow(
  { taskId, retries, message }: Omit<OutboxEntry, "due">,
): StoredMessage & {
  readonly task_id: string;
  readonly retries: number;
} {
  const stored = toStored(message);
  return {
    ...stored,
    task_id: sanitizeText(taskId),
    retries,
    exchange: sanitizeText(stored.exchange),
    routing_key: sanitizeText(stored.routing_key),
  };
}
