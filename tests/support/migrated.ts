/** Provides a migrated database. */
import type { Database } from "../../shared/database/database.ts";
import { makeDjangoTables } from "../../shared/database/django.ts";
import { migrate } from "../../shared/database/migrate.ts";
import { PgliteDatabase } from "../../shared/database/pglite.ts";
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { freshDatabase } from "./servers.ts";

/** A database and its URL. */
export interface Migrated<Kind extends Database> extends AsyncDisposable {
  readonly database: Kind;
  readonly url: string;
}

/** Additional content of a database. */
export interface MigratedOptions {
  /** Statements to run after the migrations. */
  readonly script?: string;
  /** Whether to create the tables of django-celery-results. */
  readonly django?: boolean;
}

/** Creates a migrated database on the server. Disposing drops it. */
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

/** Creates a migrated database in memory. */
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
