/** Embedded broker and database of `cli dev`, with one data folder. */
import { DatabaseJournal } from "../../shared/broker/memory/database_journal.ts";
import { MemoryBroker } from "../../shared/broker/memory/broker.ts";
import { DataFolder } from "../../shared/database/data_folder.ts";
import { migrateApp } from "../../shared/database/app_migrations.ts";
import { makeDjangoTables } from "../../shared/database/django.ts";
import { migrate } from "../../shared/database/migrate.ts";
import { readMigrations } from "../../shared/database/migration_folder.ts";
import { PgliteDatabase } from "../../shared/database/pglite.ts";
import type { Config } from "../../shared/config/settings.ts";

/** The roles of infra/database-roles.sql, so that an app's migrations can grant privileges to them. */
const MAKE_ROLES = `
  do $$
  declare
    role text;
  begin
    foreach role in array array['celeriac_migrate', 'celeriac_api', 'celeriac_beat', 'celeriac_worker', 'celeriac_submit'] loop
      if to_regrole(role) is null then
        execute format('create role %I nologin', role);
      end if;
    end loop;
  end
  $$`;

/** Broker and database of one `dev` process. */
export class Embedded implements AsyncDisposable {
  readonly database: PgliteDatabase;
  readonly broker: MemoryBroker;
  readonly #config: Config;
  readonly #folder: DataFolder | undefined;

  private constructor(config: Config, folder: DataFolder | undefined) {
    this.#config = config;
    this.#folder = folder;
    this.database = new PgliteDatabase(folder ? { folder: folder.database } : {});
    this.broker = new MemoryBroker(
      folder ? { journal: new DatabaseJournal({ database: this.database }) } : {},
    );
  }

  /** Locks the data folder, except in memory mode. Opens nothing yet.
   *
   * @throws {ConfigurationError} when another process uses the folder */
  static async claim(config: Config): Promise<Embedded> {
    return new Embedded(
      config,
      config.ephemeral ? undefined : await DataFolder.claim(config.data),
    );
  }

  /** Opens the database, migrates Celeriac's tables and the app's, and starts the broker.
   *
   * @param url URL of the API, shown to a second process that tries to use the folder
   * @throws {ConfigurationError} when the folder contains other files, the database was made by another release, or a
   * migration of the app fails
   * @throws {DatabaseUnavailable} when the database cannot be opened */
  async open(url: string): Promise<void> {
    const { database } = this;
    const { results, migrations } = this.#config;
    const files = migrations === undefined ? [] : await readMigrations(migrations);
    await this.#openDatabase(url);
    await database.script(MAKE_ROLES);
    await migrate(database);
    if (results === "django") await makeDjangoTables(database);
    for (const { name } of await migrateApp(database, files, { alone: true })) {
      console.error(`Applied ${name}`);
    }
    await this.broker.start();
  }

  async #openDatabase(url: string): Promise<void> {
    const folder = this.#folder;
    if (!folder) return await this.database.start();
    await folder.announce(url);
    const fresh = await folder.prepare({ reset: this.#config.reset });
    if (fresh) console.error(`Making an embedded database in ${folder.database} (once, about 3 s)`);
    await this.database.start();
    await folder.opened();
  }

  /** Stops the broker, closes the database and releases the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker.stop();
    await this.database.stop();
    await this.#folder?.[Symbol.asyncDispose]();
  }
}
