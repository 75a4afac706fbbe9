/** Migrates a database to this program's schema. */
import { getLogger } from "@logtape/logtape";
import { ConfigurationError, DatabaseUnavailable } from "../errors.ts";
import { pause } from "../runtime/waits.ts";
import type { Database, Sql } from "./database.ts";
import { checksum } from "./checksum.ts";
import { hasDjangoTables } from "./django.ts";
import { limitLockWaits, type LockWaits, retryLocked } from "./migration_locks.ts";
import grants from "./grants.sql" with { type: "text" };
import task from "./migrations/0001_task.sql" with { type: "text" };
import outbox from "./migrations/0002_outbox.sql" with { type: "text" };
import idempotency from "./migrations/0003_idempotency.sql" with { type: "text" };
import upkeep from "./migrations/0004_upkeep.sql" with { type: "text" };
import meta from "./migrations/0005_meta.sql" with { type: "text" };
import django from "./migrations/0006_django.sql" with { type: "text" };
import schedule from "./migrations/0007_schedule.sql" with { type: "text" };
import submit from "./migrations/0008_submit.sql" with { type: "text" };
import canvas from "./migrations/0009_canvas.sql" with { type: "text" };
import crash from "./migrations/0010_crash.sql" with { type: "text" };
import deadLetter from "./migrations/0011_dead_letter.sql" with { type: "text" };
import unsendable from "./migrations/0012_unsendable.sql" with { type: "text" };
import appMigration from "./migrations/0013_app_migration.sql" with { type: "text" };
import giveUp from "./migrations/0014_give_up.sql" with { type: "text" };
import route from "./migrations/0015_route.sql" with { type: "text" };
import revoke from "./migrations/0016_revoke.sql" with { type: "text" };
import index from "./migrations/0017_index.sql" with { type: "text" };
import chordBody from "./migrations/0018_chord_body.sql" with { type: "text" };
import expiry from "./migrations/0019_expiry.sql" with { type: "text" };
import holder from "./migrations/0020_holder.sql" with { type: "text" };
import hasten from "./migrations/0021_hasten.sql" with { type: "text" };
import messageLease from "./migrations/0022_message_lease.sql" with { type: "text" };
import revokeReach from "./migrations/0023_revoke_reach.sql" with { type: "text" };
import event from "./migrations/0024_event.sql" with { type: "text" };
import access from "./migrations/0025_access.sql" with { type: "text" };
import replay from "./migrations/0026_replay.sql" with { type: "text" };
import publish from "./migrations/0027_publish.sql" with { type: "text" };
import pendingRecords from "./migrations/0028_pending.sql" with { type: "text" };
import count from "./migrations/0029_count.sql" with { type: "text" };
import filter from "./migrations/0030_filter.sql" with { type: "text" };
import attemptLabel from "./migrations/0031_attempt_label.sql" with { type: "text" };
import lookup from "./migrations/0032_lookup.sql" with { type: "text" };
import hold from "./migrations/0033_hold.sql" with { type: "text" };
import pauses from "./migrations/0034_pause.sql" with { type: "text" };
import series from "./migrations/0035_series.sql" with { type: "text" };
import input from "./migrations/0036_input.sql" with { type: "text" };
import publishCheck from "./migrations/0037_publish_check.sql" with { type: "text" };
import replayFailure from "./migrations/0038_replay_failure.sql" with { type: "text" };
import queueDepth from "./migrations/0039_queue_depth.sql" with { type: "text" };
import list from "./migrations/0040_list.sql" with { type: "text" };
import bulkJob from "./migrations/0041_bulk_job.sql" with { type: "text" };
import claim from "./migrations/0042_claim.sql" with { type: "text" };

/** A migration. Its position in {@linkcode MIGRATIONS} is its version, from 1. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** A migration applied by {@linkcode migrate}. */
export interface Applied {
  readonly version: number;
  readonly name: string;
}

/** All migrations, in order. A released migration never changes; every change is a new file. */
export const MIGRATIONS: readonly Migration[] = [
  { name: "task", sql: task },
  { name: "outbox", sql: outbox },
  { name: "idempotency", sql: idempotency },
  { name: "upkeep", sql: upkeep },
  { name: "meta", sql: meta },
  { name: "django", sql: django },
  { name: "schedule", sql: schedule },
  { name: "submit", sql: submit },
  { name: "canvas", sql: canvas },
  { name: "crash", sql: crash },
  { name: "dead letter", sql: deadLetter },
  { name: "unsendable", sql: unsendable },
  { name: "app migration", sql: appMigration },
  { name: "give up", sql: giveUp },
  { name: "route", sql: route },
  { name: "revoke", sql: revoke },
  { name: "index", sql: index },
  { name: "chord body", sql: chordBody },
  { name: "expiry", sql: expiry },
  { name: "holder", sql: holder },
  { name: "hasten", sql: hasten },
  { name: "message lease", sql: messageLease },
  { name: "revoke reach", sql: revokeReach },
  { name: "event", sql: event },
  { name: "access", sql: access },
  { name: "replay", sql: replay },
  { name: "publish", sql: publish },
  { name: "pending", sql: pendingRecords },
  { name: "count", sql: count },
  { name: "filter", sql: filter },
  { name: "attempt label", sql: attemptLabel },
  { name: "lookup", sql: lookup },
  { name: "hold", sql: hold },
  { name: "pause", sql: pauses },
  { name: "series", sql: series },
  { name: "input", sql: input },
  { name: "publish_check", sql: publishCheck },
  { name: "replay_failure", sql: replayFailure },
  { name: "queue depth", sql: queueDepth },
  { name: "list", sql: list },
  { name: "bulk_job", sql: bulkJob },
  { name: "claim", sql: claim },
];

/** Number of daily partitions created ahead, so that a week without maintenance causes no failure. */
export const DAYS_AHEAD = 7;

const ENCODING = "select current_setting('server_encoding') as encoding";

const LOCK = "select pg_advisory_xact_lock(hashtext('celeriac'), hashtext('migrate'))";

/** Makes `celeriac_migrate` the owner of tables and functions if it exists and has the permissions, regardless of the member that
 * migrates. */
export const BECOME_OWNER = `
  do $$
  begin
    if to_regrole('celeriac_migrate') is not null
      and pg_has_role('celeriac_migrate', 'member')
      and has_database_privilege('celeriac_migrate', current_database(), 'create')
      and coalesce((select nspowner = to_regrole('celeriac_migrate') from pg_namespace where nspname = 'celeriac'), true)
    then
      set local role celeriac_migrate;
    end if;
  end
  $$`;

const HISTORY = `
  create schema if not exists celeriac;
  create table if not exists celeriac.migration (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
  )`;

const APPLIED = "select version, name, checksum from celeriac.migration order by version";

const RECORD = "insert into celeriac.migration (version, name, checksum) values ($1, $2, $3)";

const MAKE_PARTITIONS = "select celeriac.make_partitions($1)";

const EXISTS = "select to_regclass('celeriac.migration') is not null as found";

/** Applies pending migrations in one transaction, and updates grants and partitions. Idempotent and safe to run concurrently.
 *
 * A statement waits only shortly for a lock, because others wait behind it; then the transaction is repeated.
 *
 * @throws {ConfigurationError} when the database is newer than this program, was migrated with other files, or is not encoded in UTF8
 * @throws {DatabaseRefused} when a session holds a lock for longer than all attempts
 * @throws {DatabaseUnavailable} when it cannot be reached */
export async function migrate(
  database: Database,
  options: { migrations?: readonly Migration[]; locks?: LockWaits } = {},
): Promise<Applied[]> {
  const { migrations = MIGRATIONS, locks = {} } = options;
  const apply = () =>
    database.transaction((sql) => migrateOn(sql, { migrations, locks, address: database.address }));
  return await retryLocked(database, apply, locks);
}

async function migrateOn(
  sql: Sql,
  { migrations, locks, address }: {
    readonly migrations: readonly Migration[];
    readonly locks: LockWaits;
    readonly address: string;
  },
): Promise<Applied[]> {
  await checkEncoding(sql, address);
  // Another process may take long.
  await sql.query(LOCK);
  await limitLockWaits(sql, locks);
  await sql.script(BECOME_OWNER);
  await sql.script(HISTORY);
  const applied: Applied[] = [];
  const done = await compare(sql, migrations, address);
  for (const [index, { name, sql: statements }] of [...migrations.entries()].slice(done)) {
    await sql.script(statements);
    await sql.query(RECORD, [index + 1, name, await checksum(statements)]);
    applied.push({ version: index + 1, name });
  }
  await sql.script(grants);
  await sql.query(MAKE_PARTITIONS, [DAYS_AHEAD]);
  return applied;
}

/** Names of pending migrations; none when the database is as new as this program or newer.
 *
 * @param options.results `django` to require Django's tables, too
 * @throws {DatabaseUnavailable} when it cannot be reached */
export async function pending(
  database: Sql,
  { results = "native" }: { results?: "native" | "django" } = {},
): Promise<string[]> {
  const [history] = await database.query<{ found: boolean }>(EXISTS);
  const rows = history?.found ? await database.query(APPLIED) : [];
  const names = MIGRATIONS.slice(rows.length).map(({ name }) => name);
  if (results === "django" && !await hasDjangoTables(database)) names.push("django_celery_results");
  return names;
}

/** Milliseconds between checks of an outdated schema. */
const CHECK_MS = 1000;

/** Waits until the database has this program's schema; also waits for an unavailable database.
 *
 * @returns `false` when the signal aborts first */
export async function migrated(database: Sql, signal: AbortSignal): Promise<boolean> {
  let isLogged = false;
  while (!signal.aborted) {
    try {
      const names = await pending(database);
      if (names.length === 0) return true;
      if (!isLogged) {
        log.warn("Waiting for the pending database migrations {names}: run `deno task migrate`", {
          names: names.join(", "),
        });
      }
      isLogged = true;
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
    }
    await pause(CHECK_MS, signal);
  }
  return false;
}

/** Checks that the database can store every character of arguments and results. */
async function checkEncoding(sql: Sql, address: string): Promise<void> {
  const [row] = await sql.query<{ encoding: string }>(ENCODING);
  if (row?.encoding === "UTF8") return;
  throw new ConfigurationError(
    `Cannot migrate the database at ${address} because its encoding ${row?.encoding} cannot store every text: create another with \`create database NAME encoding 'UTF8' locale 'C' template template0\` and name it in DATABASE_URL`,
  );
}

/** Checks the history and returns the number of applied migrations. */
async function compare(
  sql: Sql,
  migrations: readonly Migration[],
  address: string,
): Promise<number> {
  const history = await sql.query<{ version: number; name: string; checksum: string }>(APPLIED);
  if (history.length > migrations.length) {
    throw new ConfigurationError(
      `Cannot migrate the database at ${address} because its schema has version ${history.length} and this program only has version ${migrations.length}: run the newer program`,
    );
  }
  for (const [index, { version, name, checksum: stored }] of history.entries()) {
    const { sql: statements } = migrations[index]!;
    if (version === index + 1 && stored === await checksum(statements)) continue;
    throw new ConfigurationError(
      `Cannot migrate the database at ${address} because its migration ${version} (${name}) differs from this program's: run the release that created the database, or give Celeriac a separate database`,
    );
  }
  return history.length;
}

const log = getLogger(["celeriac", "database"]);
