/** The seam to Postgres: a server in production, PGlite in embedded mode. */
import type { Service } from "../runtime/service.ts";

/** A value given to a statement. Pass JSON as text and cast it (`$1::text::json`), lists as arrays of text and cast them. */
export type Parameter =
  | string
  | number
  | boolean
  | null
  | Date
  | Uint8Array
  | readonly string[]
  | readonly number[];

/** Something that runs statements. */
export interface Sql {
  /** Runs one statement with `$1`-style parameters. `timestamptz` comes back as Date, `bigint` as string, `json` parsed, `bytea` as Uint8Array.
   *
   * @throws {DatabaseUnavailable} when the server cannot be reached, is going down or is out of resources
   * @throws {DatabaseRefused} when the statement fails for a reason of its own; `code` is the SQLSTATE */
  query<Row extends object>(statement: string, parameters?: readonly Parameter[]): Promise<Row[]>;
  /** Runs several statements, without parameters, as migrations are written. Not atomic outside a transaction. */
  script(statements: string): Promise<void>;
}

/** A Postgres database. */
export interface Database extends Service, Sql {
  /** Where it stands, for readiness; never holds a password. */
  readonly address: string;
  /** Runs `work` in one transaction; rolls back when it throws. `work` uses only the `sql` it is given, and does not wait for anything slow:
   * with PGlite all else waits for it. */
  transaction<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result>;
}
