/** `cli.ts migrate`: migrate the database to this version. */
import { migrateApp } from "../../shared/database/app_migrations.ts";
import { makeDjangoTables } from "../../shared/database/django.ts";
import { migrate as bring } from "../../shared/database/migrate.ts";
import { readMigrations } from "../../shared/database/migration_folder.ts";
import { ConfigurationError, DatabaseUnavailable } from "../../shared/errors.ts";
import { startLog } from "../../shared/telemetry/log.ts";
import { type Command, configOf } from "../command.ts";
import { databaseOf } from "../servers.ts";
import { printAnswer } from "../terminal/print.ts";
import { pause } from "../../shared/runtime/waits.ts";

/** Applies the missing migrations; idempotent, and safe to run concurrently. */
export const migrate: Command = {
  summary: "migrate the database to this version",
  role: "migrate",
  flags: {
    wait: { value: "SECONDS", help: "how long to wait for a database that is not reachable [0]" },
    json: { help: "print the applied migrations as JSON" },
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
    const isJson = "json" in given.own;
    // Printed at once: a later step may fail.
    const printLines = (lines: readonly string[]) => {
      if (!isJson) { for (const line of lines) console.log(line); }
    };
    printLines(applied.map(({ version, name }) => `applied ${version} ${name}`));
    const django = config.results === "django" ? await makeDjangoTables(database) : null;
    if (django) printLines(djangoLines(django));
    const app = await migrateApp(database, files);
    printLines(app.map(({ name }) => `applied ${name}`));
    const { address } = database;
    return printAnswer(
      given,
      { database: address, applied, app: app.map(({ name }) => name), django },
      `Database ${address} is up to date`,
    );
  },
};

function djangoLines({ made, missing }: Awaited<ReturnType<typeof makeDjangoTables>>): string[] {
  const done = [
    "made django-celery-results' tables; record this in Django with:",
    "  manage.py migrate --fake django_celery_results",
  ];
  const left = [
    "still to be run by the owner of Django's tables:",
    ...missing.map((statement) => `  ${statement}`),
  ];
  return [...made ? done : [], ...missing.length > 0 ? left : []];
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
