/** A journal in Postgres, for embedded mode. */
import { getLogger } from "@logtape/logtape";
import type { Database } from "../../database/database.ts";
import { fromStored, toStored } from "../stored_message.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import type { Properties } from "../message.ts";

const CREATE = `
  create schema if not exists celeriac;
  create table if not exists celeriac.embedded_message (
    id bigint primary key,
    queue text not null,
    exchange text not null,
    routing_key text not null,
    properties json not null,
    headers json not null,
    body bytea not null
  )`;

const LOAD = `
  select id::float8 as id, queue, exchange, routing_key, properties, headers, body
  from celeriac.embedded_message order by id`;

const APPEND = `
  insert into celeriac.embedded_message (id, queue, exchange, routing_key, properties, headers, body)
  select id, queue, exchange, routing_key, properties::json, headers::json, decode(body, 'base64')
  from json_to_recordset($1::text::json)
    as entry (id bigint, queue text, exchange text, routing_key text, properties text, headers text, body text)`;

const REMOVE = "delete from celeriac.embedded_message where id = any($1::text[]::bigint[])";

/** Maximum number of entries per statement. */
const BATCH = 500;

const log = getLogger(["celeriac", "broker"]);

interface Row {
  readonly id: number;
  readonly queue: string;
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: Properties;
  readonly headers: unknown;
  readonly body: Uint8Array;
}

interface Appending {
  readonly entry: JournalEntry;
  readonly done: PromiseWithResolvers<void>;
}

/** Stores entries in table `celeriac.embedded_message`, which it creates. Requests that arrive during a statement are batched into the
 * next one. */
export class DatabaseJournal implements Journal {
  readonly #database: Database;
  #appending: Appending[] = [];
  #removing: number[] = [];
  #writing: Promise<void> | undefined;

  constructor({ database }: { database: Database }) {
    this.#database = database;
  }

  /** @throws {DatabaseUnavailable} */
  async load(): Promise<JournalEntry[]> {
    await this.#database.script(CREATE);
    const rows = await this.#database.query<Row>(LOAD);
    return rows.map((row) => ({ id: row.id, queue: row.queue, message: fromStored(row) }));
  }

  /** @throws {DatabaseUnavailable} when the entries may or may not be stored */
  async append(entries: readonly JournalEntry[]): Promise<void> {
    const appending = entries.map((entry) => ({ entry, done: Promise.withResolvers<void>() }));
    this.#appending.push(...appending);
    this.#write();
    await Promise.all(appending.map(({ done }) => done.promise));
  }

  remove(id: number): void {
    this.#removing.push(id);
    this.#write();
  }

  async close(): Promise<void> {
    this.#write();
    await this.#writing;
  }

  #write(): void {
    this.#writing ??= this.#writeAll().finally(() => this.#writing = undefined);
  }

  async #writeAll(): Promise<void> {
    // Batches all requests of this turn of the event loop.
    await Promise.resolve();
    while (this.#appending.length > 0) await this.#appendBatch(this.#appending.splice(0, BATCH));
    const removing = this.#removing.splice(0);
    if (removing.length === 0) return;
    try {
      await this.#database.query(REMOVE, [removing.map(String)]);
    } catch (error) {
      this.#removing.push(...removing);
      log.warn("Cannot remove {count} acked messages from the journal: {error}", {
        count: removing.length,
        error,
      });
      return;
    }
    if (this.#appending.length > 0 || this.#removing.length > 0) await this.#writeAll();
  }

  async #appendBatch(batch: Appending[]): Promise<void> {
    const rows = batch.map(({ entry: { id, queue, message } }) => ({
      id,
      queue,
      ...toStored(message),
    }));
    try {
      await this.#database.query(APPEND, [JSON.stringify(rows)]);
    } catch (error) {
      for (const { done } of batch) done.reject(error);
      return;
    }
    for (const { done } of batch) done.resolve();
  }
}
