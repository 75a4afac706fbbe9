/** The first step of a request with an `Idempotency-Key`: nothing is accepted before the key is stored. */
import { DatabaseUnavailable, Unavailable } from "../../shared/errors.ts";
import { withDatabaseDeadline } from "../http/database_deadline.ts";

/** Remembers a key in time.
 *
 * @param begin remembers it with the id, unless it is known already
 * @throws {Unavailable} when it cannot: nothing was accepted */
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
