/** A migrated database, ready for use. */
import type { Database } from "../../shared/database/database.ts";
import { makeDjangoTables } from "../../shared/database/django.ts";
import { migrate } from "../../shared/database/migrate.ts";
import { PgliteDatabase } from "../../shared/database/pglite.ts";
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { freshDatabase } from "./servers.ts";

/** A database, and where it is. */
export interface Migrated<Kind extends Database> extends AsyncDisposable {
  readonly database: Kind;
  readonly url: string;
}

/** What else a database holds. */
export interface MigratedOptions {
  /** Statements to run after the migrations. */
  readonly script?: string;
  /** Whether django-celery-results' tables are there, as we make them. */
  readonly django?: boolean;
}

/** A database of its own on the server, started and migrated; dropped when disposed. */
export async function migratedPostgres(
  options: MigratedOptions = {},
): Promise<Migrated<PostgresDatabase>> {
  await using stack = new AsyncDisposableStack();
  const { url } = stack.use(await freshDatabase());
  const database = stack.use(new PostgresDatabase({ url }));
  await database.start();
  await prepare(database, options);
  const owned = stack.move();
  return { database, url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A database of its own in memory, started and migrated. */
export async function migratedPglite(
  options: MigratedOptions = {},
): Promise<Migrated<PgliteDatabase>> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(new PgliteDatabase());
  await database.start();
  await prepare(database, options);
  const owned = stack.move();
  return { database, url: database.address, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function prepare(
  database: Database,
  { script, django = false }: MigratedOptions,
): Promise<void> {
  await migrate(database);
  if (django) await makeDjangoTables(database);
  if (script !== undefined) await database.script(script);
}
