/** One connection to a server; the only module that imports the driver.
 *
 * The driver would reconnect by itself and run later statements of a transaction outside it. It therefore gets one stream only: a lost
 * connection stays lost, and the pool opens another. Transactions and timeouts are implemented here for the same reason. */
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import postgres from "postgres";
import { DatabaseRefused } from "../errors.ts";
import type { QueryOptions } from "./database.ts";
import type { PostgresTarget } from "./postgres_target.ts";
import { encode, TYPES } from "./postgres_values.ts";

/** Rows of a statement, and the command that the server ran (`SELECT`, `COMMIT`). */
export interface QueryResult<Row extends object = Record<string, unknown>> {
  readonly rows: Row[];
  readonly command: string;
}

/** Login of a connection. */
export interface Session {
  readonly password: string | undefined;
  /** Parameters of the startup message. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Milliseconds until the socket is destroyed, because a frozen server does not close it. */
const CLOSE_TIMEOUT_MS = 2000;
/** Maximum number of prepared statements: the server keeps them until the connection ends. */
const MAX_PREPARED = 500;
/** The protocol has 16 bits for the number of parameters. */
const MAX_PARAMETERS = 65_533;
/** The message `Terminate`. */
const TERMINATE = new Uint8Array([0x58, 0, 0, 0, 4]);

interface Statement {
  reject(reason: unknown): void;
  /** In milliseconds of `performance.now()`; `Infinity` for none. */
  readonly deadline: number;
}

/** SQLSTATE of an error sent by the server; `undefined` for other errors. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof postgres.PostgresError ? error.code : undefined;
}

/** A connection. It does not reconnect. */
export class PostgresConnection {
  readonly since = performance.now();
  /** Resolves when the stream is closed. */
  readonly closed: Promise<void>;
  readonly #sql: postgres.Sql;
  readonly #socket: Socket;
  readonly #running = new Set<Statement>();
  readonly #prepare: boolean;
  readonly #prepared = new Set<string>();
  #pooled = false;
  #lost = false;
  #watchdog: { timer: ReturnType<typeof setTimeout>; due: number } | undefined;

  constructor(target: PostgresTarget, socket: Socket, session: Session) {
    this.#socket = socket;
    this.#prepare = target.prepare;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    let last: Uint8Array | undefined;
    socket.on("data", (chunk: Uint8Array) => last = chunk);
    socket.once("close", () => {
      this.#fail(new Error(fatalErrorIn(last) ?? "the connection was lost"));
      closed.resolve();
    });
    if (socket.destroyed) {
      this.#lost = true;
      closed.resolve();
    }
    let given = false;
    const options = {
      host: [target.host],
      port: [target.port],
      database: target.database,
      user: target.user,
      pass: () => session.password ?? "",
      connection: session.parameters,
      types: TYPES,
      socket: () => {
        if (given || this.#lost) return Promise.reject(new Error("the connection was lost"));
        given = true;
        return Promise.resolve(socket);
      },
      onnotice: () => {},
      // Disables the driver's timeouts, retries and type lookups. Listed options are not read from environment variables.
      max: 1,
      ssl: false,
      sslnegotiation: null,
      idle_timeout: 0,
      connect_timeout: 0,
      max_lifetime: 0,
      max_pipeline: 100,
      backoff: 0,
      keep_alive: 0,
      prepare: true,
      debug: false,
      fetch_types: false,
      publications: "",
      no_subscribe: true,
    };
    this.#sql = withoutVariable("PGTARGETSESSIONATTRS", () => postgres(options as never));
  }

  /** Whether the connection can run no more statements. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Whether there is a pooler, which may use a different connection for each transaction. A pooler sends its own process ids for
   * cancel requests. */
  get pooled(): boolean {
    return this.#pooled;
  }

  /** Whether the limit of prepared statements is reached, so the connection should be replaced. */
  get exhausted(): boolean {
    return this.#prepared.size >= MAX_PREPARED;
  }

  /** Logs in; closes the connection on failure.
   *
   * @throws {Error} an error with an SQLSTATE ({@linkcode sqlStateOf}), or a lost connection */
  async login(timeoutMs: number): Promise<void> {
    const text = "select pg_catalog.pg_backend_pid() as pid";
    try {
      const rows = await this.#run(text, [], { simple: true }, timeoutMs);
      const { state, 0: row } = rows as unknown as postgres.RowList<[{ pid: number }]>;
      this.#pooled = state.pid !== row.pid;
    } catch (error) {
      this.destroy();
      await this.closed;
      // Wait for the driver's reconnect timer, whose attempt fails because it gets no other stream.
      await new Promise((resolve) => setTimeout(resolve));
      throw error;
    }
  }

  /** Runs one statement with parameters.
   *
   * @throws {TypeError}, {RangeError} when a parameter cannot be encoded
   * @throws {Error} an error with an SQLSTATE ({@linkcode sqlStateOf}), or a lost connection */
  async query<Row extends object>(
    text: string,
    parameters: readonly unknown[],
    timeoutMs: number,
    { replan = false }: QueryOptions = {},
  ): Promise<QueryResult<Row>> {
    if (parameters.length > MAX_PARAMETERS) {
      throw new RangeError(
        `Cannot run a statement because it has ${parameters.length} parameters: use ${MAX_PARAMETERS} at most, or arrays`,
      );
    }
    const prepare = this.#prepare && !this.#pooled && !replan && parameters.length > 0;
    if (prepare) this.#prepared.add(text);
    const options = { prepare, simple: false };
    return resultOf(await this.#run(text, parameters.map(encode), options, timeoutMs));
  }

  /** Runs several statements without parameters.
   *
   * @param timeoutMs `Infinity` for no limit
   * @returns the result of the last statement */
  async script(text: string, timeoutMs: number): Promise<QueryResult> {
    return resultOf(await this.#run(text, [], { simple: true }, timeoutMs));
  }

  /** Closes the connection at once. */
  destroy(reason = new Error("the connection was lost")): void {
    this.#fail(reason);
    this.#socket.destroy();
  }

  /** Closes the connection gracefully and waits until it is closed. */
  async end(): Promise<void> {
    if (!this.#lost) {
      this.#fail(new Error("the connection was closed"));
      this.#socket.end(TERMINATE);
    }
    const timeout = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
    await this.closed;
    clearTimeout(timeout);
  }

  #run(
    text: string,
    values: (string | null)[],
    options: { simple: boolean; prepare?: boolean },
    timeoutMs: number,
  ): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(new Error("the connection was lost"));
      const statement = { reject, deadline: performance.now() + timeoutMs };
      this.#running.add(statement);
      this.#watch(statement.deadline);
      this.#sql.unsafe(text, values as never, options)
        .then(
          (rows: unknown) => Array.isArray(rows) ? resolve(rows) : this.#refuseCopy(rows),
          reject,
        )
        .finally(() => this.#running.delete(statement));
    });
  }

  /** Uses one timer for all statements: a timer per statement costs more than a short statement. */
  #watch(deadline: number): void {
    if (deadline >= (this.#watchdog?.due ?? Infinity)) return;
    clearTimeout(this.#watchdog?.timer);
    const timer = setTimeout(() => {
      this.#watchdog = undefined;
      const next = Math.min(...[...this.#running].map(({ deadline }) => deadline));
      if (next > performance.now()) this.#watch(next);
      else this.destroy(new Error("the server did not respond in time"));
    }, Math.max(0, deadline - performance.now()));
    this.#watchdog = { timer, due: deadline };
  }

  /** Rejects COPY, for which the driver returns a stream. */
  #refuseCopy(stream: unknown): void {
    (stream as EventEmitter).on("error", () => {});
    this.destroy(
      new DatabaseRefused(
        "Cannot run COPY because this connection does not support it: use INSERT or SELECT",
        "0A000",
      ),
    );
  }

  #fail(reason: Error): void {
    this.#lost = true;
    clearTimeout(this.#watchdog?.timer);
    for (const { reject } of this.#running) reject(reason);
    this.#running.clear();
  }
}

/** Reads the server's FATAL error from the last bytes received, because the driver does not report it. */
function fatalErrorIn(bytes: Uint8Array | undefined): string | undefined {
  const text = bytes && new TextDecoder().decode(bytes);
  return text && /(?:FATAL|PANIC)\0C\w{5}\0M([^\0]+)\0/.exec(text)?.[1];
}

/** For several statements the driver returns an array of results. */
function resultOf<Row extends object>(result: unknown[]): QueryResult<Row> {
  const last = result.some(Array.isArray) ? result.at(-1) : result;
  return { rows: Array.from(last as Row[]), command: (last as { command: string }).command };
}

/** Hides a variable while something is made. The driver reads this one whatever its options, and refuses "any", which is libpq's default. */
function withoutVariable<Made>(name: string, make: () => Made): Made {
  const value = Deno.env.get(name);
  if (value === undefined) return make();
  Deno.env.delete(name);
  try {
    return make();
  } finally {
    Deno.env.set(name, value);
  }
}
