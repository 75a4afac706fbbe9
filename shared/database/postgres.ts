/** A Postgres server as a {@linkcode Database}. */
import { getLogger } from "@logtape/logtape";
import {
  DatabaseRefused,
  DatabaseTooSlow,
  DatabaseUnavailable,
  DatabaseUnreached,
} from "../errors.ts";
import type { Database, Parameter, QueryOptions, Sql } from "./database.ts";
import { type PostgresConnection, sqlStateOf } from "./postgres_connection.ts";
import { PostgresConnector } from "./postgres_connector.ts";
import { PostgresPool } from "./postgres_pool.ts";
import { parseTarget } from "./postgres_target.ts";
import { isUnavailable } from "./sqlstate.ts";

/** Options of {@linkcode PostgresDatabase}. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/name`, with libpq's parameters such as `sslmode`. */
  readonly url: string;
  /** Maximum number of connections. Default 10. */
  readonly max?: number;
  /** `application_name` in `pg_stat_activity`. Default `celeriac`. */
  readonly name?: string;
  /** Timeout of a statement in milliseconds, except scripts; it closes the connection. Default 30,000. */
  readonly timeoutMs?: number;
  /** Looks up a libpq variable, such as `PGPASSWORD`, for parts missing in the URL. Default: none are set. */
  readonly env?: (name: string) => string | undefined;
}

/** `in_failed_sql_transaction` */
const FAILED_TRANSACTION = "25P02";

/** `query_canceled` */
const CANCELED = "57014";

/** Sets the settings per transaction: through a pooler, session settings would affect other clients. */
const BEGIN_POOLED = `
  begin isolation level read committed;
  set local statement_timeout = 0;
  set local lock_timeout = 0`;

/** A pool of connections to one server. Connects on first use, and again after a loss. */
export class PostgresDatabase implements Database {
  readonly address: string;
  readonly #connector: PostgresConnector;
  readonly #max: number;
  readonly #timeoutMs: number;
  readonly #log = getLogger(["celeriac", "database"]);
  #pool: PostgresPool | undefined;
  #isUnavailable = false;

  /** @throws {ConfigurationError} when the URL is not a Postgres URL, or has an unsupported parameter */
  constructor(
    { url, max = 10, name = "celeriac", timeoutMs = 30_000, env = () => undefined }:
      PostgresOptions,
  ) {
    const target = parseTarget(url, env);
    const { host, port, database } = target;
    this.address = `${host.includes(":") ? `[${host}]` : host}:${port}/${database}`;
    this.#connector = new PostgresConnector(target, name);
    this.#max = max;
    this.#timeoutMs = timeoutMs;
  }

  start(): Promise<void> {
    this.#pool ??= new PostgresPool({
      open: () => this.#open(),
      max: this.#max,
      address: this.address,
    });
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async query<Row extends object>(
    statement: string,
    parameters: readonly Parameter[] = [],
    options: QueryOptions = {},
  ): Promise<Row[]> {
    const { timeoutMs } = options;
    if (timeoutMs === undefined) {
      return await this.#use((connection) =>
        this.#query(connection, statement, parameters, options)
      );
    }
    // A transaction limits the setting to this statement, also through a pooler.
    const settings = `set local statement_timeout = ${Math.max(1, Math.ceil(timeoutMs))}`;
    try {
      return await this.#use((connection) =>
        this.#transact(
          connection,
          () => this.#query<Row>(connection, statement, parameters, options),
          settings,
        )
      );
    } catch (error) {
      if (!(error instanceof DatabaseRefused) || error.code !== CANCELED) throw error;
      throw new DatabaseTooSlow(
        `Cannot read from the database at ${this.address} because it did not answer within ${
          timeoutMs / 1000
        } s: try again later, or read less`,
        { cause: error },
      );
    }
  }

  script(statements: string): Promise<void> {
    return this.#use(async (connection) => void await this.#script(connection, statements));
  }

  transaction<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    return this.#use((connection) =>
      this.#transact(connection, () =>
        work({
          query: (statement, parameters = [], options = {}) =>
            this.#query(connection, statement, parameters, options),
          script: async (statements) => void await this.#script(connection, statements),
        }))
    );
  }

  /** @param settings statements that begin the transaction. Default none */
  async #transact<Result>(
    connection: PostgresConnection,
    work: () => Promise<Result>,
    settings = "",
  ): Promise<Result> {
    const run = (statement: string) => this.#script(connection, statement, this.#timeoutMs);
    await run(`${connection.pooled ? BEGIN_POOLED : "begin"};${settings}`);
    try {
      const result = await work();
      const command = await run("commit");
      if (command === "COMMIT") return result;
      throw new DatabaseRefused(
        "Cannot commit the transaction because a statement in it failed: do not catch its error",
        FAILED_TRANSACTION,
      );
    } catch (error) {
      // A lost connection has rolled the transaction back already.
      if (!connection.lost) await run("rollback").catch(() => connection.destroy());
      throw error;
    }
  }

  async #query<Row extends object>(
    connection: PostgresConnection,
    statement: string,
    parameters: readonly Parameter[],
    options: QueryOptions,
  ): Promise<Row[]> {
    const timeoutMs = this.#timeoutMs;
    try {
      const { rows } = await connection.query<Row>(statement, parameters, timeoutMs, options);
      return rows;
    } catch (error) {
      throw this.#translate(error);
    }
  }

  /** @returns the command of the last statement */
  async #script(
    connection: PostgresConnection,
    statements: string,
    timeoutMs = Infinity,
  ): Promise<string> {
    try {
      return (await connection.script(statements, timeoutMs)).command;
    } catch (error) {
      throw this.#translate(error);
    }
  }

  /** Runs `work` with a connection of the pool; closes the connection if it became unusable. */
  async #use<Result>(work: (connection: PostgresConnection) => Promise<Result>): Promise<Result> {
    if (!this.#pool) {
      throw new DatabaseUnreached(
        `Cannot use the database at ${this.address} because it is not started: start it first`,
      );
    }
    const pool = this.#pool;
    const connection = await pool.acquire();
    try {
      return await work(connection);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) connection.destroy();
      throw error;
    } finally {
      pool.release(connection);
    }
  }

  async #open(): Promise<PostgresConnection> {
    try {
      const connection = await this.#connector.open();
      if (this.#isUnavailable) {
        this.#log.info("The database at {address} is available again", { address: this.address });
      }
      this.#isUnavailable = false;
      return connection;
    } catch (error) {
      throw this.#lost(error, DatabaseUnreached);
    }
  }

  #translate(error: unknown): unknown {
    // A parameter that cannot be encoded is an error of the caller.
    if (error instanceof TypeError || error instanceof RangeError) return error;
    if (error instanceof DatabaseRefused) return error;
    const state = sqlStateOf(error);
    if (state === undefined || isUnavailable(state)) return this.#lost(error);
    return new DatabaseRefused(
      `Cannot run a statement because the database refused it: ${
        (error as Error).message
      } (SQLSTATE ${state})`,
      state,
      { cause: error },
    );
  }

  #lost(cause: unknown, Kind = DatabaseUnavailable): DatabaseUnavailable {
    const { address } = this;
    const reason = reasonOf(cause);
    if (!this.#isUnavailable) {
      this.#log.warn("The database at {address} is unavailable: {reason}", { address, reason });
    }
    this.#isUnavailable = true;
    return new Kind(
      `Cannot reach the database at ${address} because ${reason}: check that it runs and that DATABASE_URL is right`,
      { cause },
    );
  }
}

/** Joins the errors of a host with several addresses, because their AggregateError has no message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  return error instanceof Error ? error.message : String(error);
}
