/** Retries of batches of records. */
import { getLogger } from "@logtape/logtape";
import { backoffMs } from "../runtime/backoff.ts";
import type { Verdict } from "../runtime/batch.ts";
import { isDataFault } from "../database/sqlstate.ts";
import { DatabaseUnavailable } from "../errors.ts";

const BACKOFF = { firstMs: 100, maxMs: 2000 };

/** Whether records cannot be written because of their data: the database rejects one, or they do not fit into one statement. */
export function isUnstorable(error: unknown): boolean {
  return isDataFault(error) || error instanceof RangeError || error instanceof TypeError;
}

/** Decides how to retry a failed batch: splits it to find invalid records, and retries all other errors forever.
 *
 * An operator can fix a missing server, table or permission; a lost result cannot be restored.
 *
 * @param what the kind of records, for the log
 *
 * @example
 * ```ts
 * import { retryForever } from "./retry_forever.ts";
 * import { DatabaseRefused, DatabaseUnavailable } from "../errors.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(retryForever("results", new DatabaseUnavailable("away"), 1), 100);
 * assertEquals(retryForever("results", new DatabaseRefused("bad JSON", "22P02"), 1), "split");
 * ```
 */
export function retryForever(what: string, error: unknown, attempt: number): Verdict {
  if (isUnstorable(error)) return "split";
  const pauseMs = backoffMs(attempt, BACKOFF);
  // PostgresDatabase logs unavailability.
  if (!(error instanceof DatabaseUnavailable)) {
    getLogger(["celeriac", "results"]).warn(
      "Cannot write the {what} after {attempt} attempts: trying again: {error}",
      {
        what,
        attempt,
        error,
      },
    );
  }
  return pauseMs;
}
