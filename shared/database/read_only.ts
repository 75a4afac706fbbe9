/** Checks whether a database is writable. */
import type { Sql } from "./database.ts";

const READ_ONLY = `
  select pg_is_in_recovery() as standby, current_setting('transaction_read_only') = 'on' as read_only`;

/** Why a database is read-only, with the remedy; `undefined` when it is writable.
 *
 * @throws {DatabaseUnavailable} */
export async function readOnlyReason(database: Sql): Promise<string | undefined> {
  const [row] = await database.query<{ standby: boolean; read_only: boolean }>(READ_ONLY);
  if (row?.standby) {
    return "Cannot write to the database because it is a standby: point DATABASE_URL to the primary";
  }
  if (row?.read_only) {
    return "Cannot write to the database because default_transaction_read_only is on: set it to off for the server, the database and the user, or point DATABASE_URL to another";
  }
  return undefined;
}
