/** Postgres inside this process, for embedded mode; the only importer of PGlite. */
import type { PGlite, Transaction } from "@electric-sql/pglite";
import { DatabaseRefused, DatabaseUnavailable, DatabaseUnreached } from "../errors.ts";
import type { Database, Parameter, Sql } from "./database.ts";

/** Options of {@linkcode PgliteDatabase}. */
export interface PgliteOptions {
  /** Data folder, created when missing; one process at a time. Default: in memory. */
  readonly folder?: string;
}

const BIGINT = 20;

/** One connection to an embedded Postgres: statements and transactions run one after the other. */
export class PgliteDatabase implements Database {
  readonly address: string;
  readonly #folder: string | undefined;
  #engine: Promise<PGlite> | undefined;

  constructor({ folder }: PgliteOptions = {}) {
    this.#folder = folder;
    this.address = folder ?? "memory";
  }

  /** @throws {DatabaseUnavailable} when the folder cannot be used */
  async start(): Promise<void> {
    this.#engine ??= open(this.#folder);
    try {
      await this.#engine;
    } catch (cause) {
      this.#engine = undefined;
      throw new DatabaseUnavailable(
        `Cannot open the database in '${this.address}' because ${
          cause instanceof Error ? cause.message : String(cause)
        }: choose another folder with --data=FOLDER, or replace this database with an empty one with --reset`,
        { cause },
      );
    }
  }

  async stop(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    await (await engine)?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async query<Row extends object>(
    statement: string,
    parameters: readonly Parameter[] = [],
  ): Promise<Row[]> {
    return await queryOf(await this.#started(), statement, parameters);
  }

  async script(statements: string): Promise<void> {
    await scriptOf(await this.#started(), statements);
  }

  async transaction<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    const engine = await this.#started();
    return await engine.transaction(async (transaction) => {
      const result = await work({
        query: (statement, parameters = []) => queryOf(transaction, statement, parameters),
        script: (statements) => scriptOf(transaction, statements),
      });
      // Fails in an aborted transaction: PGlite does not report that its COMMIT became a ROLLBACK.
      await queryOf(transaction, "select", []);
      return result;
    });
  }

  async #started(): Promise<PGlite> {
    const engine = await this.#engine;
    if (!engine || engine.closed) {
      throw new DatabaseUnreached(
        `Cannot use the database in '${this.address}' because it is not started: start it first`,
      );
    }
    return engine;
  }
}

/** Loads PGlite, megabytes of WebAssembly, only when it is used. */
async function open(folder: string | undefined): Promise<PGlite> {
  const { PGlite } = await import("@electric-sql/pglite");
  if (folder !== undefined) await Deno.mkdir(folder, { recursive: true });
  const reasons: string[] = [];
  try {
    return await PGlite.create({
      ...(folder === undefined ? {} : { dataDir: folder }),
      parsers: { [BIGINT]: (value: string) => value },
      onStderr: (text) => {
        const [, reason] = /\b(?:FATAL|PANIC): +(.*)/.exec(text) ?? [];
        if (reason) reasons.push(reason);
        return true;
      },
    });
  } catch (cause) {
    // PGlite's error only reports that the WebAssembly exited.
    throw reasons.length > 0 ? new Error(reasons.join(", "), { cause }) : cause;
  }
}

async function queryOf<Row extends object>(
  engine: PGlite | Transaction,
  statement: string,
  parameters: readonly Parameter[],
): Promise<Row[]> {
  try {
    return (await engine.query<Row>(statement, [...parameters])).rows;
  } catch (error) {
    throw refused(error);
  }
}

async function scriptOf(engine: PGlite | Transaction, statements: string): Promise<void> {
  try {
    await engine.exec(statements);
  } catch (error) {
    throw refused(error);
  }
}

function refused(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  if (!(error instanceof Error) || code === undefined) return error;
  return new DatabaseRefused(
    `Cannot run a statement because the database refused it: ${error.message} (SQLSTATE ${code})`,
    code,
    { cause: error },
  );
}
