/** `cli.ts migrate`: bring the database to this version. */
import type { Database } from "../shared/database/database.ts";
import { makeDjangoTables } from "../shared/database/django.ts";
import { migrate as bring } from "../shared/database/migrate.ts";
import { startLog } from "../shared/log.ts";
import { type Command, configOf } from "./command.ts";
import { EXIT } from "./exit.ts";
import { databaseOf } from "./servers.ts";

/** Applies what is missing; safe to run by many at once, and again. */
export const migrate: Command = {
  summary: "bring the database to this version",
  role: "migrate",
  details: [
    "Safe to run by many at once and again. Grants follow for the roles of infra/database-roles.sql, where they exist.",
    "With --results=django also django-celery-results' tables, unless Django has made them.",
  ].join("\n"),
  async run(given) {
    const config = configOf(given);
    await startLog({ level: config.logLevel, format: config.logFormat });
    await using database = databaseOf(config, "celeriac migrate");
    await database.start();
    const applied = await bring(database);
    for (const { version, name } of applied) console.log(`applied ${version} ${name}`);
    if (config.results === "django") await prepareDjango(database);
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
