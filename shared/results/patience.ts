/** What to do when records cannot be written or read just now. */
import { getLogger } from "@logtape/logtape";
import type { Verdict } from "../runtime/batch.ts";
import { isDataFault } from "../database/sqlstate.ts";
import { DatabaseUnavailable } from "../errors.ts";

/** Milliseconds: soon enough after a restart of the server, seldom enough for one that stays away. */
const LONGEST_PAUSE_MS = 2000;

/** Whether records cannot be written for what they are: the database refuses one, or together they make no statement. */
export function isUnstorable(error: unknown): boolean {
  return isDataFault(error) || error instanceof RangeError || error instanceof TypeError;
}

/** Judges a failed batch of records: data at fault is singled out, all else is tried again, for ever.
 *
 * An operator can mend missing tables and missing rights as well as a missing server; a lost result nobody can.
 *
 * @param what is batched, for the log
 *
 * @example
 * ```ts
 * import { retryForever } from "./patience.ts";
 * import { DatabaseRefused, DatabaseUnavailable } from "../errors.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(retryForever("results", new DatabaseUnavailable("away"), 1), 100);
 * assertEquals(retryForever("results", new DatabaseRefused("bad JSON", "22P02"), 1), "split");
 * ```
 */
export function retryForever(what: string, error: unknown, attempt: number): Verdict {
  if (isUnstorable(error)) return "split";
  const pauseMs = Math.min(LONGEST_PAUSE_MS, 50 * 2 ** Math.min(attempt, 16));
  // The database says itself that it is away, once.
  if (!(error instanceof DatabaseUnavailable)) {
    getLogger(["celeriac", "results"]).warn("The {what} wait, after {attempt} attempts: {error}", {
      what,
      attempt,
      error,
    });
  }
  return pauseMs;
}
