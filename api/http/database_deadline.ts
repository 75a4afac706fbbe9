/** How long the API waits for the database before it says so. */
import { DatabaseUnavailable } from "../../shared/errors.ts";
import { withTimeout } from "../../shared/runtime/waits.ts";

/** Milliseconds after which a caller does better to try again. */
const ANSWER_MS = 1500;

/** Resolves or rejects as the database does, if that is in time; it may do what it was asked for all the same.
 *
 * @param purpose what it is asked for, such as `look up the Idempotency-Key`
 * @param ask starts the work; its signal aborts when the time is over
 * @param options.extraMs milliseconds that it may take longer. Default 0
 * @throws {DatabaseUnavailable} when the time is over
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
