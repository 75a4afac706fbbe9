/** Applies an app's migrations, each once. */
import { ConfigurationError, DatabaseRefused } from "../errors.ts";
import { pause } from "../runtime/waits.ts";
import { checksum } from "./checksum.ts";
import type { Database, Sql } from "./database.ts";
import { BECOME_OWNER } from "./migrate.ts";
import type { MigrationFile } from "./migration_folder.ts";
import type { SqlStatement } from "./sql_statements.ts";

/** Milliseconds between attempts to get the lock. */
const LOCK_RETRY_MS = 250;

/** Does not wait inside the database: `create index concurrently` would wait for the waiting statement, a deadlock. */
const LOCK =
  "select pg_try_advisory_xact_lock(hashtext('celeriac'), hashtext('app migrations')) as locked";

/** Releases the snapshot of the last query, because `create index concurrently` waits for older snapshots. */
const CLOSE_PORTAL = "select";

const APPLIED = "select version, name, checksum from celeriac.app_migration order by version";

/** Resets the session settings of a file. */
const RESET = "reset role; reset all";

const RECORD = "insert into celeriac.app_migration (version, name, checksum) values ($1, $2, $3)";

/** Applies pending migrations in order, each file in its own transaction unless it opts out. Safe to run concurrently: one process
 * applies, the others wait. The schema `celeriac` must be up to date.
 *
 * @param options.alone whether no other process can use the database, for example an embedded one. Default false
 * @returns the files that this call applied
 * @throws {ConfigurationError} when a statement fails (with file, line and the database's message), when an applied file has changed, or
 * when an applied file is missing
 * @throws {DatabaseUnavailable} when the database cannot be reached */
export async function migrateApp(
  database: Database,
  files: readonly MigrationFile[],
  { alone = false }: { alone?: boolean } = {},
): Promise<MigrationFile[]> {
  const applied: MigrationFile[] = [];
  for (const file of files) {
    if (await applyOnce(database, file, files, alone)) applied.push(file);
  }
  return applied;
}

/** @returns whether this call applied the file */
async function applyOnce(
  database: Database,
  file: MigrationFile,
  files: readonly MigrationFile[],
  alone: boolean,
): Promise<boolean> {
  if (!file.transaction && alone) {
    if (await appliedOf(database, files) >= file.version) return false;
    await run(database, file);
    await database.transaction((sql) => record(sql, file));
    return true;
  }
  while (true) {
    const outcome = await database.transaction(async (sql) => {
      const [lock] = await sql.query<{ locked: boolean }>(LOCK);
      if (!lock?.locked) return "locked";
      if (await appliedOf(sql, files) >= file.version) return "known";
      if (file.transaction) await run(sql, file);
      else {
        await sql.script(CLOSE_PORTAL);
        await run(database, file); // on another connection, while this one holds the lock
      }
      await record(sql, file);
      return "applied";
    });
    if (outcome !== "locked") return outcome === "applied";
    await pause(LOCK_RETRY_MS, new AbortController().signal);
  }
}

async function run(sql: Sql, file: MigrationFile): Promise<void> {
  for (const statement of file.statements) {
    try {
      await sql.script(statement.text);
    } catch (error) {
      if (!(error instanceof DatabaseRefused)) throw error;
      throw refused(file, statement, error);
    }
  }
}

async function record(sql: Sql, file: MigrationFile): Promise<void> {
  await sql.script(RESET);
  await sql.script(BECOME_OWNER);
  await sql.query(RECORD, [file.version, file.name, await checksum(file.text)]);
}

/** Checks the history and returns the number of applied files. */
async function appliedOf(sql: Sql, files: readonly MigrationFile[]): Promise<number> {
  const history = await sql.query<{ version: number; name: string; checksum: string }>(APPLIED);
  for (const { version, name, checksum: stored } of history) {
    const file = files[version - 1];
    if (!file) {
      throw new ConfigurationError(
        `Cannot migrate the app's tables because ${name} is applied but is not in the folder: use the folder of the newer version`,
      );
    }
    if (stored === await checksum(file.text)) continue;
    throw new ConfigurationError(
      `Cannot migrate the app's tables because '${file.path}' has changed since it was applied: restore it and put the change into a new file (\`dev --reset\` starts with an empty database)`,
    );
  }
  return history.length;
}

/** The database's error, with file and line. */
function refused(
  file: MigrationFile,
  statement: SqlStatement,
  error: DatabaseRefused,
): ConfigurationError {
  const { message = error.message, position, detail, hint } = (error.cause ?? {}) as {
    message?: string;
    position?: string;
    detail?: string;
    hint?: string;
  };
  // Postgres counts characters from 1, JavaScript counts UTF-16 code units.
  const before = [...statement.text].slice(0, Number(position ?? 1) - 1);
  const line = statement.line + before.filter((character) => character === "\n").length;
  const more = [detail, hint].filter(Boolean).map((text) => ` (${text})`).join("");
  const kept = file.transaction
    ? "nothing of the file is applied"
    : "the statements before it stay applied";
  return new ConfigurationError(
    `Cannot apply '${file.path}:${line}' because the database refused it: ${message}${more} (SQLSTATE ${error.code}): correct the file, ${kept}`,
    { cause: error },
  );
}
