/** A result that becomes final in one transaction with what the handler writes. */
import type { Sql } from "../../shared/database/database.ts";

const COMPLETION = Symbol.for("celeriac.completion");

/** Runs one statement at a time in the transaction that makes a result final. It cannot commit or roll back: throwing does the latter. */
export type CompletionSql = Pick<Sql, "query">;

/** What `context.complete()` gives and a handler returns. */
export interface Completion<Result = unknown> {
  /** Runs in the transaction; what it returns is the result. */
  work(sql: CompletionSql): Result | Promise<Result>;
  /** Marks it. */
  readonly [COMPLETION]: true;
}

/** Wraps work for the final transaction.
 *
 * @example
 * ```ts
 * import { completion, isCompletion } from "./completion.ts";
 * import { assert } from "@std/assert";
 *
 * assert(isCompletion(completion(() => 42)));
 * ```
 */
export function completion<Result>(
  work: (sql: CompletionSql) => Result | Promise<Result>,
): Completion<Result> {
  return Object.freeze({ work, [COMPLETION]: true as const });
}

/** Whether a handler returned a completion, of whatever copy of this package. */
export function isCompletion(value: unknown): value is Completion {
  return typeof value === "object" && value !== null && COMPLETION in value;
}
