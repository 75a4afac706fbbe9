/** Classifies SQLSTATEs (PostgreSQL documentation, appendix A). */
import { DatabaseRefused } from "../errors.ts";

/** Classes 08 (connection) and 53 (out of resources), states 57P0x (shutting down, starting) and 25006 (a primary that became a
 * replica): a retry can succeed later or on another server. */
const UNAVAILABLE = /^(08...|53...|57P0.|25006)$/;

/** Classes 22 (data), 23 (constraints) and 54 (limits, such as the length of an index entry or the depth of JSON). */
const DATA = /^(22|23|54)/;

/** Whether this state means that the server is temporarily unavailable. */
export function isUnavailable(state: string): boolean {
  return UNAVAILABLE.test(state);
}

/** Whether a statement failed because of its data: a retry cannot succeed, but leaving out the invalid row can.
 *
 * @example
 * ```ts
 * import { isDataFault } from "./sqlstate.ts";
 * import { DatabaseRefused } from "../errors.ts";
 * import { assert } from "@std/assert";
 *
 * assert(isDataFault(new DatabaseRefused("invalid input syntax for type json", "22P02")));
 * assert(!isDataFault(new DatabaseRefused("deadlock detected", "40P01")));
 * ```
 */
export function isDataFault(error: unknown): error is DatabaseRefused {
  return error instanceof DatabaseRefused && DATA.test(error.code);
}
