/** `cli.ts migrate`: bring the database to this version. */
import { migrate as bring } from "../shared/database/migrate.ts";
import { startLog } from "../shared/log.ts";
import { type Command, configOf } from "./command.ts";
import { EXIT } from "./exit.ts";
import { databaseOf } from "./servers.ts";

/** Applies what is missing; safe to run by many at once, and again. */
export const migrate: Command = {
  summary: "bring the database to this version",
  role: "migrate",
  details:
    "Safe to run by many at once and again. Grants follow for the roles of infra/database-roles.sql, where they exist.",
  async run(given) {
    const config = configOf(given);
    await startLog({ level: config.logLevel, format: config.logFormat });
    await using database = databaseOf(config, "celeriac migrate");
    await database.start();
    const applied = await bring(database);
    for (const { version, name } of applied) console.log(`applied ${version} ${name}`);
    console.log(`Database ${database.address} is up to date`);
    return EXIT.done;
  },
};
