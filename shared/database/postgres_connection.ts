/** One connection to a server; the only importer of the driver.
 *
 * The driver would reconnect by itself, and then run a transaction's later statements outside it. It is therefore given one stream, once:
 * a connection that is lost stays lost, and the pool opens another. Transactions and deadlines are ours for the same reason. */
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import postgres from "postgres";
import { DatabaseRefused } from "../errors.ts";
import type { PostgresTarget } from "./postgres_target.ts";
import { encode, TYPES } from "./postgres_values.ts";

/** Rows of a statement, and the command that the server ran (`SELECT`, `COMMIT`). */
export interface Answer<Row extends object = Record<string, unknown>> {
  readonly rows: Row[];
  readonly command: string;
}

/** How a connection logs in. */
export interface Session {
  readonly password: string | undefined;
  /** Parameters of the startup message. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** A server that froze does not say goodbye. */
const CLOSE_TIMEOUT_MS = 2000;
/** The server keeps each prepared statement until its connection ends. */
const MAX_PREPARED = 500;
/** The protocol counts them with 16 bits. */
const MAX_PARAMETERS = 65_533;
/** The message `Terminate`. */
const TERMINATE = new Uint8Array([0x58, 0, 0, 0, 4]);

interface Statement {
  reject(reason: unknown): void;
  /** Of `performance.now()`; `Infinity` for none. */
  readonly deadline: number;
}

/** The SQLSTATE of an error that the server answered with; `undefined` for all others. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof postgres.PostgresError ? error.code : undefined;
}

/** A connection that is lost stays lost. */
export class PostgresConnection {
  readonly since = performance.now();
  /** Resolves when its stream is closed. */
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
      this.#fail(new Error(farewellIn(last) ?? "the connection was lost"));
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
      // All the driver's own ways to time out, retry and look up types are off; named here, it does not look for them in variables.
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

  /** Whether it can run statements no more. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Whether a pooler is between, which may use another of its connections for each transaction: it gives clients numbers of its own to
   * cancel statements by. */
  get pooled(): boolean {
    return this.#pooled;
  }

  /** Whether it has prepared so many statements that another connection should take its place. */
  get worn(): boolean {
    return this.#prepared.size >= MAX_PREPARED;
  }

  /** Logs in; where that fails the connection is closed.
   *
   * @throws {Error} what {@linkcode sqlStateOf} explains, or that the connection is lost */
  async login(timeoutMs: number): Promise<void> {
    const text = "select pg_catalog.pg_backend_pid() as pid";
    try {
      const rows = await this.#run(text, [], { simple: true }, timeoutMs);
      const { state, 0: row } = rows as unknown as postgres.RowList<[{ pid: number }]>;
      this.#pooled = state.pid !== row.pid;
    } catch (error) {
      this.destroy();
      await this.closed;
      // The driver now tries to reconnect, from a timer, and is given no other stream.
      await new Promise((resolve) => setTimeout(resolve));
      throw error;
    }
  }

  /** Runs one statement with parameters.
   *
   * @throws {TypeError}, {RangeError} when a parameter cannot be sent
   * @throws {Error} what {@linkcode sqlStateOf} explains, or that the connection is lost */
  async query<Row extends object>(
    text: string,
    parameters: readonly unknown[],
    timeoutMs: number,
  ): Promise<Answer<Row>> {
    if (parameters.length > MAX_PARAMETERS) {
      throw new RangeError(
        `Cannot run a statement because it has ${parameters.length} parameters: use ${MAX_PARAMETERS} at most, or arrays`,
      );
    }
    const prepare = this.#prepare && !this.#pooled && parameters.length > 0;
    if (prepare) this.#prepared.add(text);
    const options = { prepare, simple: false };
    return answerOf(await this.#run(text, parameters.map(encode), options, timeoutMs));
  }

  /** Runs several statements without parameters.
   *
   * @param timeoutMs `Infinity` for no limit
   * @returns the answer to the last */
  async script(text: string, timeoutMs: number): Promise<Answer> {
    return answerOf(await this.#run(text, [], { simple: true }, timeoutMs));
  }

  /** Ends it at once. */
  destroy(reason = new Error("the connection was lost")): void {
    this.#fail(reason);
    this.#socket.destroy();
  }

  /** Says goodbye, and returns when it is closed. */
  async end(): Promise<void> {
    if (!this.#lost) {
      this.#fail(new Error("the connection was closed"));
      this.#socket.end(TERMINATE);
    }
    const frozen = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
    await this.closed;
    clearTimeout(frozen);
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

  /** One timer for all statements: one for each would cost more than a short statement itself. */
  #watch(deadline: number): void {
    if (deadline >= (this.#watchdog?.due ?? Infinity)) return;
    clearTimeout(this.#watchdog?.timer);
    const timer = setTimeout(() => {
      this.#watchdog = undefined;
      const next = Math.min(...[...this.#running].map(({ deadline }) => deadline));
      if (next > performance.now()) this.#watch(next);
      else this.destroy(new Error("the server did not answer in time"));
    }, Math.max(0, deadline - performance.now()));
    this.#watchdog = { timer, due: deadline };
  }

  /** The driver answers a COPY with a stream, which nobody here reads or writes. */
  #refuseCopy(stream: unknown): void {
    (stream as EventEmitter).on("error", () => {});
    this.destroy(
      new DatabaseRefused(
        "Cannot run COPY because there is no stream to copy from or to: use INSERT or SELECT",
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

/** Why the server ended a connection, from the last bytes that it sent: the driver passes on no error that ends it. */
function farewellIn(bytes: Uint8Array | undefined): string | undefined {
  const text = bytes && new TextDecoder().decode(bytes);
  return text && /(?:FATAL|PANIC)\0C\w{5}\0M([^\0]+)\0/.exec(text)?.[1];
}

/** Of several statements the driver gives an array of such arrays. */
function answerOf<Row extends object>(result: unknown[]): Answer<Row> {
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
