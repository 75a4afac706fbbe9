/** Makes results final in the same transaction as the writes of their handlers, so that these writes happen exactly once for each id. */
import { getLogger } from "@logtape/logtape";
import type { Database, Sql } from "../../shared/database/database.ts";
import { DatabaseRefused, DatabaseUnavailable } from "../../shared/errors.ts";
import { isFinal, type Settlement, type TaskRecord } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import { backoffMs } from "../../shared/runtime/backoff.ts";
import { pause } from "../../shared/runtime/waits.ts";
import type { Attempt } from "./attempt.ts";
import type { CompletionSql } from "./completion.ts";
import type { Follower } from "../delivery/follower.ts";
import type { InputKeeper } from "../delivery/input_keeper.ts";
import { settlementOf } from "../delivery/settlement.ts";
import { Semaphore } from "./semaphore.ts";

/** Options of a {@linkcode TransactionalCompleter}. */
export interface TransactionalCompleterOptions {
  readonly database: Database;
  /** Result store on a transaction. */
  store(sql: Sql): Pick<ResultStore, "find" | "settle">;
  /** Lists the tasks that a success will start. */
  readonly follower: Pick<Follower, "children">;
  readonly inputs: Pick<InputKeeper, "keep">;
  readonly node: string;
  /** Concurrent transactions. Default 4: the other connections of the pool serve the batches, which do most of the work. */
  readonly transactions?: number;
  /** Milliseconds that a transaction may be idle between two statements before the server ends it, so that a frozen worker does not block
   * its successor. Default 15,000. */
  readonly idleMs?: number;
}

/** The attempt that is completed. */
type Completed = Pick<Attempt, "task" | "queue" | "startedAt" | "meta" | "sent">;

/** Runs in the transaction and returns JSON text of the result. */
export type Work = (sql: CompletionSql) => Promise<string>;

/** Serializes the attempts of one id: a second attempt waits here before its first statement, and then finds the record final. The record's
 * row is not locked, because batches with other records would wait for it. */
const ENTER = `
  select set_config('idle_in_transaction_session_timeout', $2, true),
    pg_advisory_xact_lock(hashtext('celeriac'), hashtext($1))`;

/** Serialization failure and deadlock: a retry of the same transaction can succeed. */
const TRANSIENT = new Set(["40001", "40P01"]);
/** Deadlocks after which a completion fails. */
const TRANSIENT_MAX = 10;
const BACKOFF = { firstMs: 100, maxMs: 2000 };
/** Connections lost during the work after which a completion fails. An unavailable database fails before the work starts. */
const LOST_MAX = 5;

/** Runs completions. Waits while the database is unavailable. */
export class TransactionalCompleter {
  readonly #options: TransactionalCompleterOptions;
  readonly #slots: Semaphore;

  constructor(options: TransactionalCompleterOptions) {
    this.#options = options;
    this.#slots = new Semaphore(options.transactions ?? 4);
  }

  /** Commits the writes of `work` together with the record. `work` runs again if its transaction failed for a transient reason.
   *
   * @param over aborts when the runner stops waiting for the attempt
   * @returns JSON text of the result; `undefined` if another run had made the record final
   * @throws the errors of `work`; then nothing is committed
   * @throws {ConnectionLost} if the connection was lost too often while `work` ran
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
          // An earlier commit may have succeeded although its reply was lost.
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
        // The error of the work counts, even if the rollback failed too.
        const error = fault ? fault.error : ended;
        if (error instanceof Overtaken) return undefined;
        if (!isTransient(error, attempt)) throw error;
        if (fault && isConnectionLost(error) && ++lost >= LOST_MAX) {
          throw new ConnectionLost(id, { cause: error });
        }
        logger.debug("Retrying the completion of task {id}: {error}", { id, error });
      }
      await pause(backoffMs(attempt, BACKOFF), over);
    }
  }

  #settlement(completed: Completed, result: string): Settlement {
    const { follower } = this.#options;
    const { task } = completed;
    const children = follower.children(task, result);
    return settlementOf(
      { ...completed, id: task.id },
      { state: "SUCCESS", result, children },
      this.#options,
    );
  }

  async #claim(sql: Sql, id: string): Promise<TaskRecord | undefined> {
    await sql.query(ENTER, [id, String(this.#options.idleMs ?? 15_000)]);
    // A separate statement, because it must see what was committed during the wait for the lock.
    return await this.#options.store(sql).find(id);
  }
}

/** Runs the work with a transaction handle that stops working when the work returns or `over` aborts. Later statements would run in a
 * transaction of another attempt. */
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

/** Another attempt stored its record between the read and the write. */
class Overtaken extends Error {
  override readonly name = "Overtaken";
}

/** Thrown to work that uses its transaction after it has returned or was abandoned. */
class TransactionOver extends Error {
  override readonly name = "TransactionOver";

  constructor() {
    super("Cannot run a statement because its transaction has ended: await all statements");
  }
}

/** The connection was lost each time that the work ran. The attempt fails with this error. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor(id: string, options: ErrorOptions) {
    super(
      `Cannot complete task '${id}' because its connection was lost ${LOST_MAX} times while its SQL ran: keep statements short, and do not wait between them`,
      options,
    );
  }
}

/** Whether the connection was lost. A server that lacks disk space, memory or connections (SQLSTATE class 53) still replies; the completion
 * waits for it. */
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
