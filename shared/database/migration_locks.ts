/** Runs migrations without a long wait for a lock: every later statement on the table would wait behind it. */
import { getLogger } from "@logtape/logtape";
import { DatabaseRefused, DatabaseUnavailable } from "../errors.ts";
import { pause } from "../runtime/waits.ts";
import type { Database, Sql } from "./database.ts";

/** How migrations wait for locks. */
export interface LockWaits {
  /** Milliseconds that a statement waits for a lock. Default 2,000. */
  readonly timeoutMs?: number;
  /** Maximum number of attempts. Default 10. */
  readonly attempts?: number;
  /** Milliseconds between two attempts, for the statements that waited. Default 3,000. */
  readonly pauseMs?: number;
}

/** States after which another attempt may get its locks: `lock_not_available` and `deadlock_detected`. */
const LOCKED = ["55P03", "40P01"];

const SET_TIMEOUT = "select set_config('lock_timeout', $1, true)";

/** The oldest transactions of other sessions that hold locks of Celeriac's tables. Times of other users may be hidden. */
const HOLDERS = `
  select distinct activity.pid, activity.application_name as application, activity.usename as login, activity.xact_start
  from pg_locks as held
  join pg_class as relation on relation.oid = held.relation
  join pg_namespace as namespace on namespace.oid = relation.relnamespace
  join pg_stat_activity as activity on activity.pid = held.pid
  where namespace.nspname = 'celeriac' and held.granted and held.pid <> pg_backend_pid()
    and held.database = (select oid from pg_database where datname = current_database())
  order by activity.xact_start nulls first, activity.pid limit 3`;

interface Holder {
  readonly pid: number;
  readonly application: string | null;
  readonly login: string | null;
  readonly xact_start: Date | null;
}

/** Limits the waits of a transaction's later statements for locks. */
export async function limitLockWaits(sql: Sql, { timeoutMs = 2000 }: LockWaits): Promise<void> {
  await sql.query(SET_TIMEOUT, [`${timeoutMs}ms`]);
}

/** Repeats work that did not get its locks.
 *
 * @param work a transaction
 * @throws {DatabaseRefused} when the last attempt did not get them either; the message names the sessions that hold them */
export async function retryLocked<Result>(
  database: Database,
  work: () => Promise<Result>,
  { attempts = 10, pauseMs = 3000 }: LockWaits,
): Promise<Result> {
  for (let attempt = 1;; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatabaseRefused && LOCKED.includes(error.code))) throw error;
      const holders = await holdersOf(database);
      if (attempt >= attempts) throw blocked(database.address, holders, error);
      log.warn(
        "The migration waits for a lock that is held by {holders}: attempt {attempt} of {attempts}",
        { holders, attempt, attempts },
      );
      await pause(pauseMs);
    }
  }
}

async function holdersOf(database: Sql): Promise<string> {
  try {
    const rows = await database.query<Holder>(HOLDERS);
    return rows.map(describe).join(", ") || "a session that has ended its transaction";
  } catch (error) {
    if (error instanceof DatabaseUnavailable) throw error;
    return "another session";
  }
}

function describe({ pid, application, login, xact_start }: Holder): string {
  const since = xact_start ? ` since ${xact_start.toISOString()}` : "";
  return `session ${pid} of ${login ?? "an unknown user"} ('${application ?? ""}')${since}`;
}

function blocked(address: string, holders: string, cause: DatabaseRefused): DatabaseRefused {
  return new DatabaseRefused(
    `Cannot migrate the database at ${address} because a lock that it needs is held by ${holders}: wait until that transaction ends, or end it with pg_terminate_backend, then migrate again`,
    cause.code,
    { cause },
  );
}

const log = getLogger(["celeriac", "database"]);
