import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { migrateApp } from "../../../shared/database/app_migrations.ts";
import type { Database } from "../../../shared/database/database.ts";
import { readMigrations } from "../../../shared/database/migration_folder.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { ConfigurationError } from "../../../shared/errors.ts";
import { databaseUsers } from "../../support/database_users.ts";
import { type Migrated, migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { migrationFolder } from "../../support/migration_files.ts";
import { Process, run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

const KINDS: Record<string, { open(): Promise<Migrated<Database>>; alone: boolean }> = {
  Postgres: { open: () => migratedPostgres(), alone: false },
  PGlite: { open: () => migratedPglite(), alone: true },
};

const FILES = {
  "0001_orders.sql": "create schema shop;\ncreate table shop.orders (id int primary key);",
  "0002_index.sql":
    "-- celeriac: no transaction\ncreate index concurrently if not exists by_id on shop.orders (id);\nselect 1;",
};

for (const [kind, { open, alone }] of Object.entries(KINDS)) {
  Deno.test(`migrateApp() applies each file once, rejects changed files, and reports file and line of errors, in ${kind}`, async (test) => {
    await using fixture = await open();
    await using folder = await migrationFolder(FILES);
    const { database } = fixture;
    const migrate = async () =>
      (await migrateApp(database, await readMigrations(folder.path), { alone }))
        .map(({ name }) => name);
    const refusal = async () =>
      (await assertRejects(migrate, ConfigurationError)).message.replaceAll(folder.path, "FOLDER");

    await test.step("each file once", async () => {
      assertEquals(await migrate(), ["0001_orders.sql", "0002_index.sql"]);
      assertEquals(await migrate(), []);
      await folder.write({ "0001_orders.sql": FILES["0001_orders.sql"].replaceAll("\n", "\r\n") });
      assertEquals(await migrate(), []);
    });

    await test.step("a failing file is rolled back", async () => {
      await folder.write({
        "0003_items.sql": "set search_path = shop;\ncreate table items (id int);\n\n" +
          "-- é😀\ninsert into orders values (1),\n (1);\n",
      });
      assertEquals(
        await refusal(),
        "Cannot apply 'FOLDER/0003_items.sql:5' because the database refused it: duplicate key value violates unique constraint " +
          '"orders_pkey" (Key (id)=(1) already exists.) (SQLSTATE 23505): correct the file, nothing of the file is applied',
      );
      await folder.write({
        "0003_items.sql": "select 1;\nselect '😀',\n  amount\nfrom shop.orders;",
      });
      assertEquals(
        await refusal(),
        "Cannot apply 'FOLDER/0003_items.sql:3' because the database refused it: column \"amount\" does not exist (SQLSTATE 42703): " +
          "correct the file, nothing of the file is applied",
      );
      await folder.write({
        "0003_items.sql": "set search_path = shop;\ncreate table items (id int);",
      });
      assertEquals(await migrate(), ["0003_items.sql"]);
    });

    await test.step("settings of a file are reset", async () => {
      assertEquals(await database.query("select to_regclass('items') as found"), [{ found: null }]);
    });

    await test.step("changed and missing files are rejected", async () => {
      await folder.write({ "0001_orders.sql": "create schema shop" });
      assertEquals(
        await refusal(),
        "Cannot migrate the app's tables because 'FOLDER/0001_orders.sql' has changed since it was applied: restore it and put the change " +
          "into a new file (`dev --reset` starts with an empty database)",
      );
      await folder.write({ "0001_orders.sql": FILES["0001_orders.sql"], "0003_items.sql": null });
      assertEquals(
        await refusal(),
        "Cannot migrate the app's tables because 0003_items.sql is applied but is not in the folder: use the folder of the newer version",
      );
    });
  });
}

Deno.test("migrateApp() applies each file once when many processes run it concurrently", async () => {
  await using fixture = await migratedPostgres();
  await using folder = await migrationFolder(FILES);
  const files = await readMigrations(folder.path);
  await using stack = new AsyncDisposableStack();
  const applied = await Promise.all(Array.from({ length: 4 }, async () => {
    const database = stack.use(new PostgresDatabase({ url: fixture.url }));
    await database.start();
    return await migrateApp(database, files);
  }));
  assertEquals(applied.flat().map(({ version }) => version).sort(), [1, 2]);
});

Deno.test("migrate --migrations runs as the app's user, who grants to Celeriac's roles", async () => {
  await using users = await databaseUsers();
  await using folder = await migrationFolder({
    "0001_orders.sql":
      "create schema shop;\ncreate table shop.orders (id int);\ngrant usage on schema shop to celeriac_worker;\n" +
      "grant insert on shop.orders to celeriac_worker;",
  });
  const env = { DATABASE_URL: users.url("migrate"), NO_COLOR: "1" };
  const command = async () => {
    const flags = [`--migrations=${folder.path}`];
    const printed = await run(
      Deno.execPath(),
      ["run", "-A", `${checkout}cli.ts`, "permissions", "migrate", ...flags],
      { env },
    );
    const args = ["run", ...printed.trim().split(/\s+/), `${checkout}cli.ts`, "migrate", ...flags];
    await using migrate = Process.start(Deno.execPath(), args, { env });
    return { code: (await migrate.exit()).code, output: migrate.output };
  };
  const first = await command();
  assertEquals(first.code, 0, first.output);
  assertStringIncludes(first.output, "applied 0001_orders.sql\n");
  await using worker = new PostgresDatabase({ url: users.url("worker") });
  await worker.start();
  await worker.query("insert into shop.orders values (1)");

  await folder.write({ "0002_items.sql": "create table shop.items (\n  id integr\n);" });
  const second = await command();
  assertEquals(second.code, 2, second.output);
  assertStringIncludes(second.output, `Cannot apply '${folder.path}/0002_items.sql:2' because`);
});
