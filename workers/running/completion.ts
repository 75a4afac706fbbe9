/** Results that become final in the same transaction as the handler's own writes. */
import type { Sql } from "../../shared/database/database.ts";

const COMPLETION = Symbol.for("celeriac.completion");

/** Runs statements, one at a time, in the transaction that makes a result final. It cannot commit; throw to roll back. */
export type CompletionSql = Pick<Sql, "query">;

/** Return value of `context.complete()`. The handler must return it. */
export interface Completion<Result = unknown> {
  /** Runs in the transaction and returns the result. */
  work(sql: CompletionSql): Result | Promise<Result>;
  /** Marks it. */
  readonly [COMPLETION]: true;
}

/** Marks work for the final transaction.
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

/** Whether a handler returned a completion, from any copy of this package. */
export function isCompletion(value: unknown): value is Completion {
  return typeof value === "object" && value !== null && COMPLETION in value;
}
