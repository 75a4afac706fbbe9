/** `cli.ts migrate`: migrate the database to this version. */
import type { Database } from "../../shared/database/database.ts";
import { migrateApp } from "../../shared/database/app_migrations.ts";
import { makeDjangoTables } from "../../shared/database/django.ts";
import { migrate as bring } from "../../shared/database/migrate.ts";
import { readMigrations } from "../../shared/database/migration_folder.ts";
import { ConfigurationError, DatabaseUnavailable } from "../../shared/errors.ts";
import { startLog } from "../../shared/telemetry/log.ts";
import { type Command, configOf } from "../command.ts";
import { EXIT } from "../exit.ts";
import { databaseOf } from "../servers.ts";
import { pause } from "../../shared/runtime/waits.ts";

/** Applies the missing migrations; idempotent, and safe to run concurrently. */
export const migrate: Command = {
  summary: "migrate the database to this version",
  role: "migrate",
  flags: {
    wait: { value: "SECONDS", help: "how long to wait for a database that is not reachable [0]" },
  },
  details: [
    "Idempotent, and safe to run several times at once. Also updates the grants of the roles of infra/database-roles.sql, if they exist.",
    "With --migrations=FOLDER it also runs the app's migrations, after Celeriac's.",
    "With --results=django it also creates the tables of django-celery-results, unless Django has created them.",
  ].join("\n"),
  async run(given) {
    const config = configOf(given);
    await startLog({ level: config.logLevel, format: config.logFormat });
    const files = config.migrations === undefined ? [] : await readMigrations(config.migrations);
    await using database = databaseOf(config, "celeriac migrate");
    await database.start();
    const applied = await patiently(secondsOf(given.own.wait), () => bring(database));
    for (const { version, name } of applied) console.log(`applied ${version} ${name}`);
    if (config.results === "django") await prepareDjango(database);
    for (const { name } of await migrateApp(database, files)) console.log(`applied ${name}`);
    console.log(`Database ${database.address} is up to date`);
    return EXIT.done;
  },
};

async function prepareDjango(database: Database): Promise<void> {
  const { made, missing } = await makeDjangoTables(database);
  if (made) {
    console.log("made django-celery-results' tables; tell Django so with:");
    console.log("  manage.py migrate --fake django_celery_results");
  }
  if (missing.length > 0) {
    console.log("still to be run by the owner of Django's tables:");
    for (const statement of missing) console.log(`  ${statement}`);
  }
}

/** Milliseconds between attempts. */
const PAUSE_MS = 1000;

/** Retries while the database is down; the pool has logged the reason once. */
async function patiently<Result>(seconds: number, act: () => Promise<Result>): Promise<Result> {
  const end = performance.now() + seconds * 1000;
  while (true) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable) || performance.now() >= end) throw error;
      await pause(PAUSE_MS);
    }
  }
}

function secondsOf(text = "0"): number {
  const seconds = Number(text);
  if (text.trim() !== "" && Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw new ConfigurationError(
    `Cannot use '${text}' of --wait because it is not a number from 0 up: give seconds`,
  );
}
