/** Stores an `Idempotency-Key` before its request is accepted. */
import { DatabaseUnavailable, Unavailable } from "../../shared/errors.ts";
import { withDatabaseDeadline } from "../http/database_deadline.ts";

/** Stores a key, with a time limit.
 *
 * @param begin stores the key with the id, unless it exists
 * @throws {Unavailable} when it cannot be stored; nothing was accepted */
export async function rememberKey<Begun>(
  begin: (id: string) => Promise<Begun>,
  id: string,
): Promise<Begun> {
  try {
    return await withDatabaseDeadline("look up the Idempotency-Key", () => begin(id));
  } catch (error) {
    if (!(error instanceof DatabaseUnavailable)) throw error;
    throw new Unavailable(error.message, { cause: error });
  }
}
