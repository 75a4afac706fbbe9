/** Makes results final in one transaction with what their handlers write: effects in this database are then exactly one per id. */
import { getLogger } from "@logtape/logtape";
import type { Database, Sql } from "../../shared/database/database.ts";
import { DatabaseRefused, DatabaseUnavailable } from "../../shared/errors.ts";
import { isFinal, type Settlement, type TaskRecord } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import { pause } from "../../shared/runtime/waits.ts";
import type { Attempt } from "./attempt.ts";
import type { CompletionSql } from "./completion.ts";
import type { Follower } from "../delivery/follower.ts";
import { settlementOf } from "../delivery/settlement.ts";
import { Semaphore } from "./semaphore.ts";

/** What a completer works with. */
export interface TransactionalCompleterOptions {
  readonly database: Database;
  /** The store's statements on a transaction. */
  store(sql: Sql): Pick<ResultStore, "find" | "settle">;
  /** Tells what a success will start. */
  readonly follower: Pick<Follower, "children">;
  readonly node: string;
  /** Transactions at a time. Default 4: the rest of the pool is for the batches, which carry far more. */
  readonly transactions?: number;
  /** Milliseconds that a transaction may be idle between two statements before the server ends it: a frozen worker must not
   * keep its successor out. Default 15,000. */
  readonly idleMs?: number;
}

/** Whose record it is. */
type Completed = Pick<Attempt, "task" | "queue" | "startedAt" | "meta" | "sent">;

/** Gives JSON text of the result. */
export type Work = (sql: CompletionSql) => Promise<string>;

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
export class TransactionalCompleter {
  readonly #options: TransactionalCompleterOptions;
  readonly #slots: Semaphore;

  constructor(options: TransactionalCompleterOptions) {
    this.#options = options;
    this.#slots = new Semaphore(options.transactions ?? 4);
  }

  /** Commits what `work` writes and the record together, or neither. `work` may run again: whenever its transaction did not come to pass.
   *
   * @param over aborts when the attempt is not waited for any longer
   * @returns JSON text of the result; `undefined` when another run had made the record final
   * @throws whatever `work` throws; then nothing is committed
   * @throws {ConnectionLost} when the connection went too often while `work` ran
   * @throws the signal's reason */
  async complete(attempt: Completed, over: AbortSignal, work: Work): Promise<string | undefined> {
    await this.#slots.acquire();
    try {
      return await this.#retry(attempt, over, work);
    } finally {
      this.#slots.release();
    }
  }

  async #retry(completed: Completed, over: AbortSignal, work: Work): Promise<string | undefined> {
    const { id, retries } = completed.task;
    let offered: string | undefined;
    let lost = 0;
    for (let attempt = 1;; attempt++) {
      over.throwIfAborted();
      let fault: { readonly error: unknown } | undefined;
      try {
        return await this.#options.database.transaction(async (sql) => {
          const store = this.#options.store(sql);
          const claim = await this.#claim(sql, id);
          // The answer to an earlier commit of ours may have got lost, the commit not.
          if (offered !== undefined && claim?.state === "SUCCESS") {
            const [ours] = await store.settle([this.#settlement(completed, offered)]);
            return ours ? offered : undefined;
          }
          if (claim && (isFinal(claim.state) || claim.retries > retries)) return;
          const result = await lend(sql, over, work).catch((error) => {
            fault = { error };
            throw error;
          });
          const [taken] = await store.settle([this.#settlement(completed, result)]);
          if (!taken) throw new Overtaken();
          offered = result;
          return result;
        });
      } catch (ended) {
        // What the work threw counts, also where rolling back failed.
        const error = fault ? fault.error : ended;
        if (error instanceof Overtaken) return undefined;
        if (!isTransient(error, attempt)) throw error;
        if (fault && isConnectionLost(error) && ++lost >= LOST_MAX) {
          throw new ConnectionLost(id, { cause: error });
        }
        logger.debug("Completion of task {id} is tried again: {error}", { id, error });
      }
      await pause(Math.min(LONGEST_PAUSE_MS, 50 * 2 ** Math.min(attempt, 16)), over);
    }
  }

  #settlement(completed: Completed, result: string): Settlement {
    const { follower, node } = this.#options;
    const { task } = completed;
    const children = follower.children(task, result);
    return settlementOf(
      { ...completed, id: task.id },
      { state: "SUCCESS", result, children },
      node,
    );
  }

  async #claim(sql: Sql, id: string): Promise<TaskRecord | undefined> {
    await sql.query(ENTER, [id, String(this.#options.idleMs ?? 15_000)]);
    // A statement of its own: it must see what was committed while the lock was waited for.
    return await this.#options.store(sql).find(id);
  }
}

/** Runs the work with a transaction that it has no longer than it is waited for: later it would write with whoever has the connection. */
async function lend(sql: Sql, over: AbortSignal, work: Work): Promise<string> {
  over.throwIfAborted();
  const lending = new AbortController();
  try {
    return await work({
      query: async (statement, parameters) => {
        lending.signal.throwIfAborted();
        return await sql.query(statement, parameters);
      },
    });
  } finally {
    lending.abort(new TransactionOver());
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
    super("Cannot run a statement because its transaction is over: await all statements, in time");
  }
}

/** The connection went each time that the work ran. Caught by the settler: the attempt has failed. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor(id: string, options: ErrorOptions) {
    super(
      `Cannot complete task '${id}' because its connection was lost ${LOST_MAX} times while its SQL ran: keep statements short, and do not wait between them`,
      options,
    );
  }
}

/** A server that is out of disk, memory or connections (SQLSTATE class 53) answers, and the work is not at fault: it waits. */
function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof DatabaseUnavailable)) return false;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return !(typeof code === "string" && code.startsWith("53"));
}

function isTransient(error: unknown, attempt: number): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  return error instanceof DatabaseRefused && TRANSIENT.has(error.code) && attempt < TRANSIENT_MAX;
}

const logger = getLogger(["celeriac", "worker"]);
