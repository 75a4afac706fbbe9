/** A pool of connections: lends each to one user at a time, and opens others in place of those that are lost. */
import { DatabaseUnreached } from "../errors.ts";
import type { PostgresConnection } from "./postgres_connection.ts";

/** What a pool needs. */
export interface PoolOptions {
  /** Opens a connection that is logged in. */
  readonly open: () => Promise<PostgresConnection>;
  /** Connections at most. */
  readonly max: number;
  /** For messages. */
  readonly address: string;
}

/** Connections move to the new primary behind one address within this time. */
const LIFETIME_MS = 1_800_000;
/** Others need the server's places, too. */
const IDLE_MS = 10_000;
/** Shorter than a request waits. */
const WAIT_MS = 5000;
/** A server that froze does not say goodbye. */
const STOP_MS = 2000;

interface Idle {
  readonly connection: PostgresConnection;
  readonly since: number;
}

/** All connections of one database. */
export class PostgresPool {
  readonly #options: PoolOptions;
  /** The one used last is used next, so that the others can end. */
  #idle: Idle[] = [];
  readonly #open = new Set<PostgresConnection>();
  readonly #waiting = new Set<PromiseWithResolvers<PostgresConnection>>();
  #opening = 0;
  #sweeper: ReturnType<typeof setTimeout> | undefined;
  #stopped: PromiseWithResolvers<void> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** A connection that nobody else uses until {@linkcode giveBack}.
   *
   * @throws {DatabaseUnreached} when all have been in use for too long
   * @throws {Error} when none can be opened */
  lend(): Promise<PostgresConnection> {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (isFit(idle.connection)) return Promise.resolve(idle.connection);
      void idle.connection.end();
    }
    return this.#hasPlace ? this.#connect() : this.#wait();
  }

  /** Takes back a connection that was lent, and hands it on. */
  giveBack(connection: PostgresConnection): void {
    if (this.#stopped || !isFit(connection)) {
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

  /** Ends all connections, those in use after a while. Returns when they are closed. */
  async stop(): Promise<void> {
    if (this.#stopped) return await this.#stopped.promise;
    this.#stopped = Promise.withResolvers();
    clearTimeout(this.#sweeper);
    this.#refuse(this.#stoppedError());
    for (const { connection } of this.#idle.splice(0)) void connection.end();
    const frozen = setTimeout(() => {
      for (const connection of this.#open) connection.destroy();
    }, STOP_MS);
    this.#settle();
    await this.#stopped.promise;
    clearTimeout(frozen);
  }

  get #hasPlace(): boolean {
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
      // Whoever waits would get the same answer, later.
      if (this.#open.size === 0) this.#refuse(error);
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
          } s: give it more with CELERIAC_DATABASE_POOL, or look for slow statements`,
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

  #refuse(error: unknown): void {
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** A connection is closed: opens another for whoever waits. */
  #remove(connection: PostgresConnection): void {
    this.#open.delete(connection);
    this.#idle = this.#idle.filter((idle) => idle.connection !== connection);
    if (!this.#stopped && this.#waiting.size > 0 && this.#hasPlace) {
      this.#connect().then((opened) => this.giveBack(opened), () => {});
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

function isFit(connection: PostgresConnection): boolean {
  return !connection.lost && !connection.worn &&
    performance.now() - connection.since < LIFETIME_MS;
}
