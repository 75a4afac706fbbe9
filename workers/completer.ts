/** Makes results final in one transaction with what their handlers write: effects in this database are then exactly one per id. */
import { getLogger } from "@logtape/logtape";
import type { Database, Sql } from "../shared/database/database.ts";
import { DatabaseRefused, DatabaseUnavailable } from "../shared/errors.ts";
import { type Claim, isFinal, type Settlement } from "../shared/results/result.ts";
import type { ResultStore } from "../shared/results/store.ts";
import type { Service } from "../shared/service.ts";
import { pause } from "../shared/waits.ts";
import { Slots } from "./slots.ts";

/** What a completer works with. */
export interface CompleterOptions {
  readonly database: Database;
  /** The store's statements on a transaction. */
  store(sql: Sql): Pick<ResultStore, "claim" | "settle">;
  /** Transactions at a time. Default 4: the rest of the pool is for the batches, which carry far more. */
  readonly transactions?: number;
  /** Milliseconds that a transaction may be idle between two statements before the server ends it: a frozen worker must not
   * keep its successor out. Default 15,000. */
  readonly idleMs?: number;
}

/** Gives JSON text of the result; ends with the signal's reason where that comes first. */
export type Work = (sql: Sql, signal: AbortSignal) => Promise<string>;

/** How a completion ended: with the result's JSON text, or (`undefined`) with a record that somebody else had made final. */
export type Completed = { readonly result: string } | undefined;

/** Attempts of one at a time, by id: whoever comes second waits here, before any of its own statements, and then finds the record final.
 * The record's row is not locked meanwhile, as batches with other records would wait for it. */
const ENTER = `
  select set_config('idle_in_transaction_session_timeout', $2, true),
    pg_advisory_xact_lock(hashtext('celeriac'), hashtext($1))`;

/** Serialization failure and deadlock: the same transaction passes when tried again. */
const TRANSIENT = new Set(["40001", "40P01"]);
/** Deadlocks that one completion may end in. */
const TRANSIENT_MAX = 10;
const LONGEST_PAUSE_MS = 2000;
/** Connections that may be lost while the work of one completion runs: a database that is away fails before that. */
const LOST_MAX = 5;

/** Runs completions. Waits for a database that is away. */
export class Completer implements Service {
  readonly #options: CompleterOptions;
  readonly #slots: Slots;
  readonly #stopped = new AbortController();

  constructor(options: CompleterOptions) {
    this.#options = options;
    this.#slots = new Slots(options.transactions ?? 4);
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** What waits for the database, or works in it, is rejected from now on. */
  stop(): Promise<void> {
    this.#slots.close();
    this.#stopped.abort(
      new DatabaseUnavailable(
        "Cannot complete tasks as the worker is being stopped: they run again elsewhere",
      ),
    );
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Commits what `work` writes and the record together, or neither. `work` may run again: whenever its transaction did not come to pass.
   *
   * @param settlement the record with state SUCCESS; its result comes from `work`
   * @throws whatever `work` throws; then nothing is committed
   * @throws {ConnectionLost} when the connection went too often while `work` ran
   * @throws {DatabaseUnavailable} when stopped before there was an answer */
  async complete(settlement: Settlement, work: Work): Promise<Completed> {
    if (!await this.#slots.take()) {
      throw new DatabaseUnavailable(
        `Cannot complete task '${settlement.id}' as the worker is being stopped: it runs again elsewhere`,
      );
    }
    try {
      return await this.#persevere(settlement, work);
    } finally {
      this.#slots.give();
    }
  }

  async #persevere(
    settlement: Settlement,
    work: Work,
  ): Promise<Completed> {
    let offered: string | undefined;
    let lost = 0;
    for (let attempt = 1;; attempt++) {
      let fault: { readonly error: unknown } | undefined;
      try {
        return await this.#options.database.transaction(async (sql) => {
          const store = this.#options.store(sql);
          const claim = await this.#claim(sql, settlement);
          // The answer to an earlier commit of ours may have got lost, the commit not.
          if (offered !== undefined && claim?.state === "SUCCESS") {
            const [ours] = await store.settle([{ ...settlement, result: offered }]);
            return ours ? { result: offered } : undefined;
          }
          if (claim && (isFinal(claim.state) || claim.retries > settlement.retries)) return;
          const result = await this.#lend(sql, work).catch((error) => {
            fault = { error };
            throw error;
          });
          const [taken] = await store.settle([{ ...settlement, result }]);
          if (!taken) throw new Overtaken();
          offered = result;
          return { result };
        });
      } catch (ended) {
        // What the work threw counts, also where rolling back failed.
        const error = fault ? fault.error : ended;
        if (error instanceof Overtaken) return undefined;
        if (!isTransient(error, attempt) || this.#stopped.signal.aborted) throw error;
        if (fault && error instanceof DatabaseUnavailable && ++lost >= LOST_MAX) {
          throw new ConnectionLost(settlement.id, { cause: error });
        }
        logger.debug("Completion of task {id} is tried again: {error}", {
          id: settlement.id,
          error,
        });
      }
      const ms = Math.min(LONGEST_PAUSE_MS, 50 * 2 ** Math.min(attempt, 16));
      await pause(ms, this.#stopped.signal);
    }
  }

  /** Runs the work with a transaction that it has no longer than it is waited for: later it would write with whoever has the connection. */
  async #lend(sql: Sql, work: Work): Promise<string> {
    const { signal } = this.#stopped;
    signal.throwIfAborted();
    const lending = new AbortController();
    const lent: Sql = {
      query: async (statement, parameters) => {
        lending.signal.throwIfAborted();
        return await sql.query(statement, parameters);
      },
      script: async (statements) => {
        lending.signal.throwIfAborted();
        await sql.script(statements);
      },
    };
    try {
      return await work(lent, signal);
    } finally {
      lending.abort(new TransactionOver());
    }
  }

  async #claim(sql: Sql, { id }: Settlement): Promise<Claim | undefined> {
    await sql.query(ENTER, [id, String(this.#options.idleMs ?? 15_000)]);
    // A statement of its own: it must see what was committed while the lock was waited for.
    const [claim] = await this.#options.store(sql).claim([{ id, redelivered: false }]);
    return claim;
  }
}

/** Another attempt's record came between the look and the write. */
class Overtaken extends Error {
  override readonly name = "Overtaken";
}

/** The work was no longer waited for, or has returned. Thrown where it uses its transaction all the same. */
class TransactionOver extends Error {
  override readonly name = "TransactionOver";

  constructor() {
    super("Cannot run a statement as its transaction is over: await all statements, in time");
  }
}

/** The connection went each time that the work ran. Caught by the settler: the attempt has failed. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor(id: string, options: ErrorOptions) {
    super(
      `Cannot complete task '${id}' as its connection was lost ${LOST_MAX} times while its SQL ran: keep statements short, and do not wait between them`,
      options,
    );
  }
}

function isTransient(error: unknown, attempt: number): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  return error instanceof DatabaseRefused && TRANSIENT.has(error.code) && attempt < TRANSIENT_MAX;
}

const logger = getLogger(["celeriac", "worker"]);
