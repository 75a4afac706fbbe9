/** The table of dead letters: kept, listed, sent again, purged. */
import { type Clock, SYSTEM_CLOCK } from "../runtime/clock.ts";
import { validate } from "uuid";
import type { Database, Sql } from "../database/database.ts";
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

/** A page, newest first, and the cursor of the next; `null` when there is none. */
export interface LetterPage {
  readonly letters: LetterSummary[];
  readonly next: string | null;
}

/** How to send again. */
export interface RedriveOptions {
  /** Messages a second at most. */
  readonly rate: number;
  /** Letters at most, the oldest first. */
  readonly limit: number;
}

/** What became of a redrive. */
export interface Redriven {
  readonly redriven: number;
  /** Left alone, as the outbox still holds the same attempt of the same task, or a worker has yet to make its record FAILURE. */
  readonly waiting: number;
  /** When the last is due; `null` when none was sent. */
  readonly lastDueAt: Date | null;
}

/** What a store works with. */
export interface DeadLettersOptions {
  readonly database: Pick<Database, "query" | "transaction">;
  readonly outbox: Pick<Outbox, "addFresh">;
  readonly store: Pick<ResultStore, "reopen" | "states">;
  /** Default: this machine's. */
  readonly clock?: Clock;
}

/** Letters sent again in one transaction. */
const BATCH = 200;
/** Bytes of bodies in one transaction, the last letter's not counted. */
const BATCH_BYTES = 16 * 1024 * 1024;
/** Letters purged in one transaction. */
const PURGE_BATCH = 1000;

/** Milliseconds after which a record that should be FAILURE and is not will not become it: its worker has died, or it has expired. */
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

const COUNT = "select count(*)::float8 as count from celeriac.dead_letter";

const FORGIVE = "delete from celeriac.crash where task_id = any($1::text[])";

const REMOVE = "delete from celeriac.dead_letter where id = any($1::uuid[])";

/** What is collected from now on is not meant by what is asked now. The next whole millisecond: that is what a Date can tell. */
const NOW = `
  select date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond' as bound`;

/** Reads and writes dead letters. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Resolves when the letters are committed; those already there are left alone.
   *
   * @param sql a transaction that they belong to
   * @throws {DatabaseUnavailable} */
  async add(
    letters: readonly DeadLetter[],
    sql: Pick<Sql, "query"> = this.#options.database,
  ): Promise<void> {
    await sql.query(ADD, [JSON.stringify(letters.map(toRow))]);
  }

  /** How many fit.
   *
   * @throws {DatabaseUnavailable} */
  async count(filter: LetterFilter = {}): Promise<number> {
    const { where, parameters } = conditions(filter);
    const [row] = await this.#options.database.query<{ count: number }>(
      `${COUNT} ${where}`,
      parameters,
    );
    return row?.count ?? 0;
  }

  /** Letters, newest first.
   *
   * @param options.limit 1 to 1,000
   * @throws {InvalidInput} when the cursor is not one of ours
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
          "Cannot list from this cursor because it is one of another list: start without a cursor",
          "cursor",
        );
      }
      given.add((time, id) => `(collected_at, id) < (${time}::timestamptz, ${id}::uuid)`, time, id);
    }
    const rows = await this.#options.database.query<SummaryRow>(
      `select ${SUMMARY} from celeriac.dead_letter ${given.where}
       order by collected_at desc, id desc limit ${limit + 1}`,
      given.parameters,
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

  /** Sends letters again, the oldest first: each batch is one transaction, in which they leave this table, the failed tasks are PENDING
   * again, nobody remembers which workers died over them, and the outbox has their messages.
   *
   * @throws {DatabaseUnavailable} what was committed before then stays so */
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
      const taking = taken(given.where, Math.min(BATCH, limit - seen));
      const batch = await database.transaction(async (sql) => {
        const rows = await sql.query<Row>(taking, given.parameters);
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

  /** Deletes letters for good.
   *
   * @returns how many
   * @throws {DatabaseUnavailable} what was deleted before then stays so */
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

  /** Only letters that are there now. */
  async #bounded(filter: LetterFilter): Promise<LetterFilter> {
    const [now] = await this.#options.database.query<{ bound: Date }>(NOW);
    const until = filter.until && filter.until < now!.bound ? filter.until : now!.bound;
    return { ...filter, until };
  }

  /** A worker sends the letter first and then makes the record FAILURE: a message that was sent again in between would find it final.
   *
   * @returns all but letters to which this could happen */
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

  /** @returns those that the outbox has taken */
  async #send(
    rows: readonly Row[],
    due: (index: number) => number,
    sql: Sql,
  ): Promise<{ id: string; due: number }[]> {
    const { outbox, store } = this.#options;
    const entries = rows.map((row, index) => ({
      id: row.id,
      // A message that names no task has nothing that another one could be the same as.
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
    await sql.query(FORGIVE, [tasks.map(({ id }) => id)]);
    return sent;
  }
}

/** The oldest that fit, as far as their bodies can be held at once. Those that another redrive or a purge has in hand are left to it. */
function taken(where: string, limit: number): string {
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
