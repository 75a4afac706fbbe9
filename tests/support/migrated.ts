/** A migrated database, ready for use. */
import type { Database } from "../../shared/database/database.ts";
import { migrate } from "../../shared/database/migrate.ts";
import { PgliteDatabase } from "../../shared/database/pglite.ts";
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { freshDatabase } from "./servers.ts";

/** A database, and where it is. */
export interface Migrated<Kind extends Database> extends AsyncDisposable {
  readonly database: Kind;
  readonly url: string;
}

/** A database of its own on the server, started and migrated; dropped when disposed. */
export async function migratedPostgres(): Promise<Migrated<PostgresDatabase>> {
  await using stack = new AsyncDisposableStack();
  const { url } = stack.use(await freshDatabase());
  const database = stack.use(new PostgresDatabase({ url }));
  await database.start();
  await migrate(database);
  const owned = stack.move();
  return { database, url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A database of its own in memory, started and migrated. */
export async function migratedPglite(): Promise<Migrated<PgliteDatabase>> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(new PgliteDatabase());
  await database.start();
  await migrate(database);
  const owned = stack.move();
  return { database, url: database.address, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
