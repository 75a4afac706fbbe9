/** The interface to Postgres: a server in production, PGlite in embedded mode. */
import type { Service } from "../runtime/service.ts";

/** A parameter of a statement. Pass JSON as text and cast it (`$1::text::json`); pass lists as text arrays and cast them. */
export type Parameter =
  | string
  | number
  | boolean
  | null
  | Date
  | Uint8Array
  | readonly string[]
  | readonly number[];

/** Options of a statement. */
export interface QueryOptions {
  /** Whether the server plans the statement for each call. Otherwise it may keep a plan that was made while the table was empty, which
   * reads the whole table, until the next ANALYZE. Costs about 0.1 ms a table. Default `false`. */
  readonly replan?: boolean;
  /** Milliseconds after which the server ends the statement, which frees its connection. The statement then runs in a transaction of its
   * own, which takes two more round trips. Not used within {@linkcode Database.transaction}, nor by an embedded database. Default: the
   * limit of the connection, which closes it; the server may run the statement to its end. */
  readonly timeoutMs?: number;
}

/** Options of the statements of lists. The best index depends on the filter, and the limit is shorter than that of a page. */
export const LIST_OPTIONS: QueryOptions = { replan: true, timeoutMs: 2500 };

/** Runs SQL statements: a database or a transaction. */
export interface Sql {
  /** Runs one statement with `$1`-style parameters. Returns `timestamptz` as Date, `bigint` as string, `json` parsed, `bytea` as
   * Uint8Array.
   *
   * @throws {DatabaseUnavailable} when the server cannot be reached, is shutting down or is out of resources
   * @throws {DatabaseTooSlow} when the server ended the statement after `timeoutMs`
   * @throws {DatabaseRefused} when the statement itself fails; `code` is the SQLSTATE */
  query<Row extends object>(
    statement: string,
    parameters?: readonly Parameter[],
    options?: QueryOptions,
  ): Promise<Row[]>;
  /** Runs several statements without parameters, such as a migration. Not atomic outside a transaction. */
  script(statements: string): Promise<void>;
}

/** A Postgres database. */
export interface Database extends Service, Sql {
  /** Host, port and database, or the folder, for messages; never contains a password. */
  readonly address: string;
  /** Runs `work` in one transaction; rolls back when it throws. `work` must use only the given `sql`, and must not wait for anything
   * slow: with PGlite all other statements wait for the transaction. */
  transaction<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result>;
}
