/** The table of dead letters: add, list, redrive, purge. */
import { type Clock, SYSTEM_CLOCK } from "../runtime/clock.ts";
import { validate } from "uuid";
import { type Database, LIST_OPTIONS, type Sql } from "../database/database.ts";
import { countRows } from "../database/row_count.ts";
import { InvalidInput } from "../errors.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { readCursor, writeCursor } from "../results/cursor.ts";
import { isFinal } from "../results/result.ts";
import type { ResultStore } from "../results/store.ts";
import { fromStored } from "../broker/stored_message.ts";
import { conditions, type LetterFilter } from "./filter.ts";
import { type DeadLetter, isFailing, resent } from "./letter.ts";
import {
  type LetterSummary,
  type Row,
  type StoredLetter,
  type SummaryRow,
  toRow,
  toSummary,
} from "./row.ts";

/** A page of letters, newest first, with the cursor of the next page; `null` on the last page. */
export interface LetterPage {
  readonly letters: LetterSummary[];
  readonly next: string | null;
}

/** Options of a redrive. */
export interface RedriveOptions {
  /** Maximum messages per second. */
  readonly rate: number;
  /** Maximum number of letters, oldest first. */
  readonly limit: number;
}

/** The result of a redrive. */
export interface Redriven {
  readonly redriven: number;
  /** Skipped letters: the outbox still holds the same attempt of the task, or a worker has not yet set its record to FAILURE. */
  readonly waiting: number;
  /** Due time of the last message; `null` when none was sent. */
  readonly lastDueAt: Date | null;
}

/** Dependencies of {@linkcode DeadLetters}. */
export interface DeadLettersOptions {
  readonly database: Pick<Database, "query" | "transaction">;
  readonly outbox: Pick<Outbox, "addFresh">;
  readonly store: Pick<ResultStore, "reopen" | "states">;
  /** Default: this machine's clock. */
  readonly clock?: Clock;
}

/** Maximum letters redriven in one transaction. */
const BATCH = 200;
/** Maximum bytes of bodies in one transaction, without the last letter. */
const BATCH_BYTES = 16 * 1024 * 1024;
/** Maximum letters purged in one transaction. */
const PURGE_BATCH = 1000;

/** Milliseconds to wait for a record to become FAILURE. After that its worker is dead, or the record has expired. */
const FAILING_MS = 3_600_000;

const SUMMARY = `
  id, collected_at, to_char(collected_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
  task_id, task, retries, queue, reason, detail, worker, died_at, octet_length(body) as size`;

const MESSAGE = "exchange, routing_key, properties, headers, body";

const ADD = `
  insert into celeriac.dead_letter (
    id, task_id, task, retries, queue, reason, detail, worker, died_at, ${MESSAGE}
  )
  select id, task_id, task, retries, queue, reason, detail, worker, died_at,
    exchange, routing_key, properties::json, headers::json, decode(body, 'base64')
  from json_to_recordset($1::text::json) as letter (
    id uuid, task_id text, task text, retries integer, queue text, reason text, detail text, worker text, died_at timestamptz,
    exchange text, routing_key text, properties text, headers text, body text
  )
  on conflict do nothing`;

const FIND = `select ${SUMMARY}, ${MESSAGE} from celeriac.dead_letter where id = $1`;

const DELETE_CRASHES = "delete from celeriac.crash where task_id = any($1::text[])";

const REMOVE = "delete from celeriac.dead_letter where id = any($1::uuid[])";

/** Upper bound that excludes letters collected later. Rounded up to the next millisecond, the precision of a Date. */
const NOW = `
  select date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond' as bound`;

/** Reads and writes dead letters. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Resolves when the letters are committed. Existing letters stay unchanged.
   *
   * @param sql the transaction to use
   * @throws {DatabaseUnavailable} */
  async add(
    letters: readonly DeadLetter[],
    sql: Pick<Sql, "query"> = this.#options.database,
  ): Promise<void> {
    await sql.query(ADD, [JSON.stringify(letters.map(toRow))]);
  }

  /** Number of all letters, as {@linkcode countRows}. */
  countAll(): Promise<number> {
    return countRows(this.#options.database, "celeriac.dead_letter");
  }

  /** Number of letters that match a filter. Reads all of them.
   *
   * @param most number at which it stops; default: none
   * @throws {DatabaseUnavailable} */
  async count(filter: LetterFilter = {}, most?: number): Promise<number> {
    const { where, parameters } = conditions(filter);
    const limit = most === undefined ? "" : `limit ${most}`;
    const [row] = await this.#options.database.query<{ count: number }>(
      `select count(*)::float8 as count from (select from celeriac.dead_letter ${where} ${limit}) as letter`,
      parameters,
      { replan: true },
    );
    return row?.count ?? 0;
  }

  /** Lists letters, newest first; `limit` is 1 to 1,000.
   *
   * @throws {InvalidInput} when the cursor is invalid
   * @throws {DatabaseUnavailable} */
  async list(
    filter: LetterFilter,
    { limit, cursor }: { limit: number; cursor?: string },
  ): Promise<LetterPage> {
    const given = conditions(filter);
    if (cursor !== undefined) {
      const { time, id } = readCursor(cursor);
      if (!validate(id)) {
        throw new InvalidInput(
          "Cannot list from this cursor because it belongs to another list: start without a cursor",
          "cursor",
        );
      }
      given.add((time, id) => `(collected_at, id) < (${time}::timestamptz, ${id}::uuid)`, time, id);
    }
    const rows = await this.#options.database.query<SummaryRow>(
      `select ${SUMMARY} from celeriac.dead_letter ${given.where}
       order by collected_at desc, id desc limit ${limit + 1}`,
      given.parameters,
      LIST_OPTIONS,
    );
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      letters: shown.map(toSummary),
      next: rows.length > limit && last ? writeCursor(last) : null,
    };
  }

  /** @throws {DatabaseUnavailable} */
  async find(id: string): Promise<StoredLetter | undefined> {
    const [row] = await this.#options.database.query<Row>(FIND, [id]);
    if (!row) return undefined;
    const { exchange, routing_key: routingKey, properties, headers, body } = row;
    return { ...toSummary(row), exchange, routingKey, properties, headers, body };
  }

  /** Sends letters again, oldest first. Each batch is one transaction: it moves the messages to the outbox, resets the failed tasks to
   * PENDING, and deletes the records of worker crashes that they caused.
   *
   * @throws {DatabaseUnavailable} batches committed before stay committed */
  async redrive(filter: LetterFilter, { rate, limit }: RedriveOptions): Promise<Redriven> {
    const { database } = this.#options;
    const bounded = await this.#bounded(filter);
    const start = performance.now();
    let after: SummaryRow | undefined;
    let seen = 0;
    let redriven = 0;
    let lastDue: number | undefined;
    while (seen < limit) {
      const given = conditions(bounded);
      if (after) {
        const { time, id } = after;
        given.add(
          (time, id) => `(collected_at, id) > (${time}::timestamptz, ${id}::uuid)`,
          time,
          id,
        );
      }
      const selection = selectOldest(given.where, Math.min(BATCH, limit - seen));
      const batch = await database.transaction(async (sql) => {
        const rows = await sql.query<Row>(selection, given.parameters);
        const due = (index: number) => start + (redriven + index) * 1000 / rate;
        const ready = await this.#ready(rows, sql);
        return { rows, sent: await this.#send(ready, due, sql) };
      });
      if (batch.rows.length === 0) break;
      after = batch.rows.at(-1)!;
      seen += batch.rows.length;
      redriven += batch.sent.length;
      lastDue = batch.sent.at(-1)?.due ?? lastDue;
    }
    const lastDueAt = lastDue === undefined
      ? null
      : new Date(this.#now().getTime() + lastDue - performance.now());
    return { redriven, waiting: seen - redriven, lastDueAt };
  }

  /** Deletes letters permanently.
   *
   * @returns the number of deleted letters
   * @throws {DatabaseUnavailable} letters deleted before stay deleted */
  async purge(filter: LetterFilter): Promise<number> {
    const { where, parameters } = conditions(await this.#bounded(filter));
    let purged = 0;
    for (;;) {
      const gone = await this.#options.database.query(
        `delete from celeriac.dead_letter where id in (
           select id from celeriac.dead_letter ${where} limit ${PURGE_BATCH} for update skip locked
         ) returning id`,
        parameters,
      );
      purged += gone.length;
      if (gone.length < PURGE_BATCH) return purged;
    }
  }

  #now(): Date {
    return (this.#options.clock ?? SYSTEM_CLOCK).now();
  }

  /** Restricts a filter to letters that exist now. */
  async #bounded(filter: LetterFilter): Promise<LetterFilter> {
    const [now] = await this.#options.database.query<{ bound: Date }>(NOW);
    const until = filter.until && filter.until < now!.bound ? filter.until : now!.bound;
    return { ...filter, until };
  }

  /** A worker publishes the letter first and then sets the record to FAILURE. A message redriven in between would find a final record.
   *
   * @returns the rows without letters that are in this window */
  async #ready(rows: readonly Row[], sql: Sql): Promise<readonly Row[]> {
    const since = this.#now().getTime() - FAILING_MS;
    const failing = new Map<Row, string>();
    for (const row of rows) {
      const recent = row.collected_at.getTime() > since;
      if (row.task_id !== null && recent && isFailing(row.headers)) failing.set(row, row.task_id);
    }
    if (failing.size === 0) return rows;
    const states = await this.#options.store.states([...new Set(failing.values())], sql);
    return rows.filter((row) => {
      const id = failing.get(row);
      return id === undefined || isFinal(states.get(id) ?? "PENDING");
    });
  }

  /** @returns the letters that the outbox has accepted */
  async #send(
    rows: readonly Row[],
    due: (index: number) => number,
    sql: Sql,
  ): Promise<{ id: string; due: number }[]> {
    const { outbox, store } = this.#options;
    const entries = rows.map((row, index) => ({
      id: row.id,
      // A message without a task id cannot be a duplicate of another one.
      taskId: row.task_id ?? row.id,
      retries: row.retries,
      due: due(index),
      message: resent({ queue: row.queue, message: fromStored(row) }),
    }));
    const added = await outbox.addFresh(entries, sql);
    const fresh = new Set(added.map(({ taskId, retries }) => `${retries} ${taskId}`));
    const sent = entries.filter(({ taskId, retries }) => fresh.delete(`${retries} ${taskId}`));
    await sql.query(REMOVE, [sent.map(({ id }) => id)]);
    const tasks = sent.map(({ taskId, retries }) => ({ id: taskId, retries }));
    await store.reopen(tasks, sql);
    await sql.query(DELETE_CRASHES, [tasks.map(({ id }) => id)]);
    return sent;
  }
}

/** Selects the oldest matching letters up to the limit of bytes. Skips letters that another redrive or purge has locked. */
function selectOldest(where: string, limit: number): string {
  return `
    with oldest as materialized (
      select id, collected_at, octet_length(body) as bytes from celeriac.dead_letter ${where}
      order by collected_at, id limit ${limit} for update skip locked
    ), weighed as (
      select id, sum(bytes) over (order by collected_at, id) - bytes as before from oldest
    )
    select ${SUMMARY}, ${MESSAGE} from celeriac.dead_letter
    where id in (select id from weighed where before < ${BATCH_BYTES})
    order by collected_at, id`;
}
