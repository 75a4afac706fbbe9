/** A connection pool: each connection has one user at a time; lost connections are replaced. */
import { DatabaseUnreached } from "../errors.ts";
import type { PostgresConnection } from "./postgres_connection.ts";

/** Options of {@linkcode PostgresPool}. */
export interface PoolOptions {
  /** Opens a connection and logs in. */
  readonly open: () => Promise<PostgresConnection>;
  /** Maximum number of connections. */
  readonly max: number;
  /** For error messages. */
  readonly address: string;
}

/** Maximum age of a connection in milliseconds, so that connections move to a new primary behind the same address. */
const LIFETIME_MS = 1_800_000;
/** Milliseconds after which an idle connection is closed, because the server limits connections. */
const IDLE_MS = 10_000;
/** Milliseconds to wait for a connection; shorter than the timeout of a request. */
const WAIT_MS = 5000;
/** Milliseconds until stop() destroys connections in use, because a frozen server does not close them. */
const STOP_MS = 2000;

interface Idle {
  readonly connection: PostgresConnection;
  readonly since: number;
}

export class PostgresPool {
  readonly #options: PoolOptions;
  /** Used last in, first out, so that surplus connections stay idle and are closed. */
  #idle: Idle[] = [];
  readonly #open = new Set<PostgresConnection>();
  readonly #waiting = new Set<PromiseWithResolvers<PostgresConnection>>();
  #opening = 0;
  #sweeper: ReturnType<typeof setTimeout> | undefined;
  #stopped: PromiseWithResolvers<void> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Returns a connection for exclusive use until {@linkcode release}.
   *
   * @throws {DatabaseUnreached} when all connections stay in use for too long
   * @throws {Error} when no connection can be opened */
  acquire(): Promise<PostgresConnection> {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (isUsable(idle.connection)) return Promise.resolve(idle.connection);
      void idle.connection.end();
    }
    return this.#hasCapacity ? this.#connect() : this.#wait();
  }

  /** Returns a connection to the pool, or to a waiting caller. */
  release(connection: PostgresConnection): void {
    if (this.#stopped || !isUsable(connection)) {
      void connection.end();
      return;
    }
    const [next] = this.#waiting;
    if (next) {
      this.#waiting.delete(next);
      next.resolve(connection);
      return;
    }
    this.#idle.push({ connection, since: performance.now() });
    this.#sweeper ??= setTimeout(() => this.#sweep(), IDLE_MS);
  }

  /** Closes all connections, those in use after release or a timeout. Resolves when all are closed. */
  async stop(): Promise<void> {
    if (this.#stopped) return await this.#stopped.promise;
    this.#stopped = Promise.withResolvers();
    clearTimeout(this.#sweeper);
    this.#rejectWaiting(this.#stoppedError());
    for (const { connection } of this.#idle.splice(0)) void connection.end();
    const timeout = setTimeout(() => {
      for (const connection of this.#open) connection.destroy();
    }, STOP_MS);
    this.#settle();
    await this.#stopped.promise;
    clearTimeout(timeout);
  }

  get #hasCapacity(): boolean {
    return this.#open.size + this.#opening < this.#options.max;
  }

  async #connect(): Promise<PostgresConnection> {
    this.#opening++;
    try {
      const connection = await this.#options.open();
      this.#open.add(connection);
      void connection.closed.then(() => this.#remove(connection));
      if (!this.#stopped) return connection;
      void connection.end();
      throw this.#stoppedError();
    } catch (error) {
      // Waiting callers would get the same error later.
      if (this.#open.size === 0) this.#rejectWaiting(error);
      throw error;
    } finally {
      this.#opening--;
      this.#settle();
    }
  }

  async #wait(): Promise<PostgresConnection> {
    const waiting = Promise.withResolvers<PostgresConnection>();
    this.#waiting.add(waiting);
    const timer = setTimeout(() => {
      const { address, max } = this.#options;
      waiting.reject(
        new DatabaseUnreached(
          `Cannot use the database at ${address} because all ${max} connections of this process have been in use for ${
            WAIT_MS / 1000
          } s: increase CELERIAC_DATABASE_POOL, or look for slow statements`,
        ),
      );
    }, WAIT_MS);
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  #rejectWaiting(error: unknown): void {
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** Handles a closed connection; opens another if callers wait. */
  #remove(connection: PostgresConnection): void {
    this.#open.delete(connection);
    this.#idle = this.#idle.filter((idle) => idle.connection !== connection);
    if (!this.#stopped && this.#waiting.size > 0 && this.#hasCapacity) {
      this.#connect().then((opened) => this.release(opened), () => {});
    }
    this.#settle();
  }

  #sweep(): void {
    const oldest = performance.now() - IDLE_MS;
    for (const { connection } of this.#idle.filter(({ since }) => since <= oldest)) {
      void connection.end();
    }
    this.#idle = this.#idle.filter(({ since }) => since > oldest);
    const [next] = this.#idle;
    this.#sweeper = next && setTimeout(() => this.#sweep(), next.since - oldest);
  }

  #settle(): void {
    if (this.#open.size + this.#opening === 0) this.#stopped?.resolve();
  }

  #stoppedError(): DatabaseUnreached {
    return new DatabaseUnreached(
      `Cannot use the database at ${this.#options.address} because it was stopped: start it again`,
    );
  }
}

function isUsable(connection: PostgresConnection): boolean {
  return !connection.lost && !connection.exhausted &&
    performance.now() - connection.since < LIFETIME_MS;
}
