/** The time limit of the database within one request. */
import { DatabaseUnavailable } from "../../shared/errors.ts";
import { withTimeout } from "../../shared/runtime/waits.ts";

/** Milliseconds after which the client gets an error and can retry. */
const ANSWER_MS = 1500;

/** Runs a database operation with a time limit. After a timeout, the operation may still succeed.
 *
 * @param purpose for the error message, such as `look up the Idempotency-Key`
 * @param ask starts the operation; its signal aborts at the timeout
 * @param options.extraMs milliseconds added to the limit. Default 0
 * @throws {DatabaseUnavailable} on a timeout
 *
 * @example
 * ```ts
 * import { withDatabaseDeadline } from "./database_deadline.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await withDatabaseDeadline("count", () => Promise.resolve(1)), 1);
 * ```
 */
export async function withDatabaseDeadline<Answer>(
  purpose: string,
  ask: (signal: AbortSignal) => Promise<Answer>,
  { extraMs = 0 }: { extraMs?: number } = {},
): Promise<Answer> {
  const ms = ANSWER_MS + extraMs;
  const reason = `the database did not answer within ${ms} ms`;
  const late = () =>
    new DatabaseUnavailable(`Cannot ${purpose} because ${reason}: try again later`);
  return await withTimeout(ms, late, ask);
}
