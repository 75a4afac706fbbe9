/** A Postgres server behind the seam. */
import { getLogger } from "@logtape/logtape";
import { DatabaseRefused, DatabaseUnavailable, DatabaseUnreached } from "../errors.ts";
import type { Database, Parameter, Sql } from "./database.ts";
import { type PostgresConnection, sqlStateOf } from "./postgres_connection.ts";
import { PostgresConnector } from "./postgres_connector.ts";
import { PostgresPool } from "./postgres_pool.ts";
import { parseTarget } from "./postgres_target.ts";
import { isUnavailable } from "./sqlstate.ts";

/** How to reach a server. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/name`, with libpq's parameters such as `sslmode`. */
  readonly url: string;
  /** Connections at most. Default 10. */
  readonly max?: number;
  /** What the server calls us in `pg_stat_activity`. Default `celeriac`. */
  readonly name?: string;
  /** Milliseconds after which a statement, scripts excepted, counts as lost with its connection. Default 30,000. */
  readonly timeoutMs?: number;
  /** Looks up a variable of libpq, such as `PGPASSWORD`, for what the URL leaves open. Default: there are none. */
  readonly env?: (name: string) => string | undefined;
}

/** The state of a transaction in which a statement failed (`in_failed_sql_transaction`). */
const FAILED_TRANSACTION = "25P02";

/** Through a pooler a session's settings reach its next users, and this transaction alone is ours. */
const BEGIN_POOLED = `
  begin isolation level read committed;
  set local statement_timeout = 0;
  set local lock_timeout = 0`;

/** A pool of connections to one server. Connects when first asked, and again after each loss. */
export class PostgresDatabase implements Database {
  readonly address: string;
  readonly #connector: PostgresConnector;
  readonly #max: number;
  readonly #timeoutMs: number;
  readonly #log = getLogger(["celeriac", "database"]);
  #pool: PostgresPool | undefined;
  #away = false;

  /** @throws {ConfigurationError} when the URL is not one of Postgres, or asks for something that cannot work */
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

  query<Row extends object>(
    statement: string,
    parameters: readonly Parameter[] = [],
  ): Promise<Row[]> {
    return this.#use((connection) => this.#query(connection, statement, parameters));
  }

  script(statements: string): Promise<void> {
    return this.#use(async (connection) => void await this.#script(connection, statements));
  }

  transaction<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    return this.#use(async (connection) => {
      const run = (statement: string) => this.#script(connection, statement, this.#timeoutMs);
      await run(connection.pooled ? BEGIN_POOLED : "begin");
      try {
        const result = await work({
          query: (statement, parameters = []) => this.#query(connection, statement, parameters),
          script: async (statements) => void await this.#script(connection, statements),
        });
        const command = await run("commit");
        if (command === "COMMIT") return result;
        throw new DatabaseRefused(
          "Cannot commit the transaction because a statement in it failed: let its error pass through",
          FAILED_TRANSACTION,
        );
      } catch (error) {
        // Whoever loses the connection here has nothing committed either.
        if (!connection.lost) await run("rollback").catch(() => connection.destroy());
        throw error;
      }
    });
  }

  async #query<Row extends object>(
    connection: PostgresConnection,
    statement: string,
    parameters: readonly Parameter[],
  ): Promise<Row[]> {
    try {
      const { rows } = await connection.query<Row>(statement, parameters, this.#timeoutMs);
      return rows;
    } catch (error) {
      throw this.#translate(error);
    }
  }

  /** @returns the last command */
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

  /** Lends a connection to `work`; it comes back to the pool only if it is sound. */
  async #use<Result>(work: (connection: PostgresConnection) => Promise<Result>): Promise<Result> {
    if (!this.#pool) {
      throw new DatabaseUnreached(
        `Cannot use the database at ${this.address} because it is not started: start it first`,
      );
    }
    const pool = this.#pool;
    const connection = await pool.lend();
    try {
      return await work(connection);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) connection.destroy();
      throw error;
    } finally {
      pool.giveBack(connection);
    }
  }

  async #open(): Promise<PostgresConnection> {
    try {
      const connection = await this.#connector.open();
      if (this.#away) {
        this.#log.info("The database at {address} is back", { address: this.address });
      }
      this.#away = false;
      return connection;
    } catch (error) {
      throw this.#lost(error, DatabaseUnreached);
    }
  }

  #translate(error: unknown): unknown {
    // A parameter that cannot be sent is the caller's mistake, not the server's absence.
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
    if (!this.#away) {
      this.#log.warn("The database at {address} is away: {reason}", { address, reason });
    }
    this.#away = true;
    return new Kind(
      `Cannot reach the database at ${address} because ${reason}: check that it runs and that DATABASE_URL is right`,
      { cause },
    );
  }
}

/** A host of several addresses fails with one error for each, and no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  return error instanceof Error ? error.message : String(error);
}
