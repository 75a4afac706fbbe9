/** A Postgres server behind the seam; the only importer of the driver. */
import { getLogger } from "@logtape/logtape";
// @ts-types="@types/pg"
import pg from "pg";
import { ConfigurationError, DatabaseRefused, DatabaseUnavailable } from "../errors.ts";
import type { Database, Parameter, Sql } from "./database.ts";
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
}

/** Longer than a healthy server needs, shorter than a request waits. */
const CONNECT_TIMEOUT_MS = 5000;
/** A server that froze does not say goodbye. */
const CLOSE_TIMEOUT_MS = 2000;
/** Connections move to the new primary behind one address within this time. */
const LIFETIME_SECONDS = 1800;

/** The state of a transaction in which a statement failed (`in_failed_sql_transaction`). */
const FAILED_TRANSACTION = "25P02";

const BYTEA = 17;
const TYPES = {
  getTypeParser: (oid: number, format?: "text" | "binary"): (value: string) => unknown =>
    oid === BYTEA
      ? (value) => Uint8Array.fromHex(value.slice(2))
      : format === "binary"
      ? pg.types.getTypeParser(oid, "binary")
      : pg.types.getTypeParser(oid, "text"),
};

/** A pool of connections to one server. Connects when first asked, and again after each loss. */
export class PostgresDatabase implements Database {
  readonly address: string;
  readonly #config: pg.PoolConfig;
  readonly #timeoutMs: number;
  readonly #log = getLogger(["celeriac", "database"]);
  /** Names of prepared statements by their text. */
  readonly #names = new Map<string, string>();
  readonly #clients = new Set<pg.PoolClient>();
  #pool: pg.Pool | undefined;
  #away = false;

  /** @throws {ConfigurationError} when the URL is not one of Postgres */
  constructor({ url, max = 10, name = "celeriac", timeoutMs = 30_000 }: PostgresOptions) {
    const target = URL.parse(url);
    if (!target || !/^postgres(ql)?:$/.test(target.protocol)) {
      throw new ConfigurationError(
        "Cannot use the database's URL as it is not of the form 'postgres://user:password@host:port/name': correct DATABASE_URL",
      );
    }
    const host = target.searchParams.get("host") ?? target.hostname;
    this.address = `${host}:${target.port || "5432"}/${target.pathname.slice(1)}`;
    // Without this the driver reads `sslmode=require` as `verify-full`, unlike libpq and everything else that shares such URLs.
    if (target.searchParams.has("sslmode")) target.searchParams.set("uselibpqcompat", "true");
    this.#timeoutMs = timeoutMs;
    this.#config = {
      connectionString: target.href,
      application_name: name,
      max,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      maxLifetimeSeconds: LIFETIME_SECONDS,
      types: TYPES,
    };
  }

  start(): Promise<void> {
    if (!this.#pool) {
      this.#pool = new pg.Pool(this.#config);
      this.#pool.on("error", (error) => void this.#lost(error));
      this.#pool.on("connect", (client) => {
        this.#clients.add(client);
        client.once("end", () => this.#clients.delete(client));
        // A connection in use that breaks rejects its statement; the event besides must not end the process.
        client.on("error", () => {});
      });
    }
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.end();
    const ended = [...this.#clients].map((client) => new Promise((end) => client.once("end", end)));
    const frozen = setTimeout(() => {
      for (const client of this.#clients) client.connection.stream.destroy();
    }, CLOSE_TIMEOUT_MS);
    await Promise.all(ended);
    clearTimeout(frozen);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  query<Row extends object>(
    statement: string,
    parameters: readonly Parameter[] = [],
  ): Promise<Row[]> {
    return this.#use((client) => this.#run(client, statement, parameters));
  }

  script(statements: string): Promise<void> {
    return this.#use((client) => this.#script(client, statements));
  }

  transaction<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    return this.#use(async (client) => {
      await this.#send(client, "begin");
      try {
        const result = await work({
          query: (statement, parameters = []) => this.#run(client, statement, parameters),
          script: (statements) => this.#script(client, statements),
        });
        const { command } = await this.#send(client, "commit");
        if (command === "COMMIT") return result;
        throw new DatabaseRefused(
          "Cannot commit the transaction as a statement in it failed: let its error pass through",
          FAILED_TRANSACTION,
        );
      } catch (error) {
        if (!(error instanceof DatabaseUnavailable)) await this.#send(client, "rollback");
        throw error;
      }
    });
  }

  async #run<Row extends object>(
    client: pg.PoolClient,
    text: string,
    parameters: readonly Parameter[],
  ): Promise<Row[]> {
    const prepared = parameters.length > 0 ? { name: this.#name(text) } : {};
    const options = { values: [...parameters], queryMode: "extended", ...prepared };
    const { rows } = await this.#send<Row>(client, text, options);
    return rows;
  }

  async #script(client: pg.PoolClient, text: string): Promise<void> {
    await this.#send(client, text, { query_timeout: 0 });
  }

  async #send<Row extends object>(
    client: pg.PoolClient,
    text: string,
    options: Partial<pg.QueryConfig> & { query_timeout?: number } = {},
  ): Promise<pg.QueryResult<Row>> {
    try {
      return await client.query<Row>({ text, query_timeout: this.#timeoutMs, ...options });
    } catch (error) {
      throw this.#translate(error);
    }
  }

  /** The name under which each connection keeps this statement prepared. */
  #name(text: string): string {
    const known = this.#names.get(text);
    if (known) return known;
    const name = `celeriac_${this.#names.size + 1}`;
    this.#names.set(text, name);
    return name;
  }

  /** Lends a connection to `work`; it comes back to the pool only if it is sound. */
  async #use<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    const client = await this.#connect();
    let broken = false;
    try {
      return await work(client);
    } catch (error) {
      broken = error instanceof DatabaseUnavailable;
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    if (!this.#pool) {
      throw new DatabaseUnavailable(
        `Cannot use the database at ${this.address} as it is not started: start it first`,
      );
    }
    try {
      const client = await this.#pool.connect();
      if (this.#away) {
        this.#log.info("The database at {address} is back", { address: this.address });
      }
      this.#away = false;
      return client;
    } catch (error) {
      throw this.#lost(error);
    }
  }

  #translate(error: unknown): unknown {
    // A parameter that cannot be sent is the caller's mistake, not the server's absence.
    if (error instanceof TypeError || error instanceof RangeError) return error;
    if (!(error instanceof pg.DatabaseError) || error.code === undefined) return this.#lost(error);
    if (isUnavailable(error.code)) return this.#lost(error);
    return new DatabaseRefused(
      `Cannot run a statement as the database refused it: ${error.message} (SQLSTATE ${error.code})`,
      error.code,
      { cause: error },
    );
  }

  #lost(cause: unknown): DatabaseUnavailable {
    const { address } = this;
    const reason = reasonOf(cause);
    if (!this.#away) {
      this.#log.warn("The database at {address} is away: {reason}", { address, reason });
    }
    this.#away = true;
    return new DatabaseUnavailable(
      `Cannot reach the database at ${address} as ${reason}: check that it runs and that DATABASE_URL is right`,
      { cause },
    );
  }
}

/** A host of several addresses fails with one error for each, and no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  return error instanceof Error ? error.message : String(error);
}
