/** Provides migrated databases, copied from one that is migrated once.
 *
 * A copy takes a fraction of the time of the migrations. Tests of the migrations themselves begin
 * with an empty database.
 * @module
 */
import type { Database } from "../../shared/database/database.ts";
import { makeDjangoTables } from "../../shared/database/django.ts";
import { migrate } from "../../shared/database/migrate.ts";
import { PgliteDatabase } from "../../shared/database/pglite.ts";
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { dayOf, dropOldTemplates, removeOldTemplates } from "./old_templates.ts";
import { run } from "./process.ts";
import { databaseOn, setting, type TestDatabase } from "./servers.ts";

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

/** Creates a migrated database on the server, to which nothing is connected. Disposing drops it. */
export async function freshMigrated(): Promise<TestDatabase> {
  template ??= serverTemplate();
  return await databaseOn(setting("DATABASE_URL"), await template);
}

/** Creates a migrated database on the server, and connects to it. Disposing drops it. */
export async function migratedPostgres(
  options: MigratedOptions = {},
): Promise<Migrated<PostgresDatabase>> {
  await using stack = new AsyncDisposableStack();
  const { url } = stack.use(await freshMigrated());
  const database = stack.use(new PostgresDatabase({ url }));
  await database.start();
  await extend(database, options);
  const owned = stack.move();
  return { database, url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Creates a migrated embedded database in a temporary folder. Disposing removes it. */
export async function migratedPglite(
  options: MigratedOptions = {},
): Promise<Migrated<PgliteDatabase>> {
  await using stack = new AsyncDisposableStack();
  const parent = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(parent, { recursive: true }));
  const folder = `${parent}/data`;
  await run("cp", ["-r", await embeddedTemplate(), folder]);
  const database = stack.use(new PgliteDatabase({ folder }));
  await database.start();
  await extend(database, options);
  const owned = stack.move();
  return { database, url: database.address, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function extend(
  database: Database,
  { script, django = false }: MigratedOptions,
): Promise<void> {
  if (django) await makeDjangoTables(database);
  if (script !== undefined) await database.script(script);
}

/** Name of the database to copy, once known. */
let template: Promise<string> | undefined;

const LOCK = "select pg_advisory_lock(hashtext('celeriac'), hashtext('template'))";
const EXISTS = "select from pg_database where datname = $1";

/** Name of a migrated database on the server, which the first call creates. It stays there for other runs, until the day after tomorrow. */
async function serverTemplate(): Promise<string> {
  const name = `celeriac_template_${await version()}`;
  await using server = new PostgresDatabase({ url: setting("DATABASE_URL"), max: 1 });
  await server.start();
  await server.query(LOCK);
  if ((await server.query(EXISTS, [name])).length > 0) return name;
  const fresh = await databaseOn(setting("DATABASE_URL"));
  await using database = new PostgresDatabase({ url: fresh.url, max: 1 });
  await database.start();
  await migrate(database);
  await database.stop();
  await server.query(`alter database ${fresh.name} rename to ${name}`);
  await dropOldTemplates(server, new Date());
  return name;
}

/** Folder of a migrated embedded database, which the first call creates. */
async function embeddedTemplate(): Promise<string> {
  const reports = new URL("../../report", import.meta.url).pathname;
  const folder = `${reports}/pglite-${await version()}`;
  const exists = () => Deno.stat(folder).then(() => true, () => false);
  if (await exists()) return folder;
  await Deno.mkdir(reports, { recursive: true });
  const made = await Deno.makeTempDir({ dir: reports, prefix: "pglite-" });
  await using database = new PgliteDatabase({ folder: made });
  await database.start();
  await migrate(database);
  await database.stop();
  await Deno.rename(made, folder).catch(async (error) => {
    if (!await exists()) throw error;
    await Deno.remove(made, { recursive: true }); // another test was faster
  });
  await removeOldTemplates(reports, new Date());
  return folder;
}

/** The day, on which the partitions depend, and a hash of what migrates. */
async function version(): Promise<string> {
  const folder = new URL("../../shared/database/", import.meta.url);
  const files = ["grants.sql", "migrate.ts"];
  for await (const { name } of Deno.readDir(new URL("migrations", folder))) {
    files.push(`migrations/${name}`);
  }
  const texts = files.sort().map((name) => Deno.readTextFile(new URL(name, folder)));
  const bytes = new TextEncoder().encode((await Promise.all(texts)).join("\0"));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  return `${dayOf(new Date())}_${hash.slice(0, 12)}`;
}
