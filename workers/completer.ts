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

  /** What waits for the database is rejected from now on. */
  stop(): Promise<void> {
    this.#slots.close();
    this.#stopped.abort();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Commits what `work` writes and the record together, or neither. `work` may run again: whenever its transaction did not come to pass.
   *
   * @param settlement the record with state SUCCESS; its result comes from `work`
   * @param work returns JSON text of the result
   * @throws whatever `work` throws; then nothing is committed
   * @throws {DatabaseUnavailable} when stopped before there was an answer */
  async complete(settlement: Settlement, work: (sql: Sql) => Promise<string>): Promise<Completed> {
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
    work: (sql: Sql) => Promise<string>,
  ): Promise<Completed> {
    let offered: string | undefined;
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#options.database.transaction(async (sql) => {
          const claim = await this.#claim(sql, settlement);
          // The answer to an earlier commit of ours got lost, the commit did not.
          if (offered !== undefined && claim?.state === "SUCCESS") return { result: offered };
          if (claim && (isFinal(claim.state) || claim.retries > settlement.retries)) return;
          const result = await work(sql);
          const [taken] = await this.#options.store(sql).settle([{ ...settlement, result }]);
          if (!taken) throw new Overtaken();
          offered = result;
          return { result };
        });
      } catch (error) {
        if (error instanceof Overtaken) return undefined;
        if (!isTransient(error, attempt) || this.#stopped.signal.aborted) throw error;
        logger.debug("Completion of task {id} is tried again: {error}", {
          id: settlement.id,
          error,
        });
      }
      const ms = Math.min(LONGEST_PAUSE_MS, 50 * 2 ** Math.min(attempt, 16));
      await pause(ms, this.#stopped.signal);
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

function isTransient(error: unknown, attempt: number): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  return error instanceof DatabaseRefused && TRANSIENT.has(error.code) && attempt < TRANSIENT_MAX;
}

const logger = getLogger(["celeriac", "worker"]);
