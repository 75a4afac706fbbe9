import { assertEquals, assertRejects } from "@std/assert";
import { readMigrations } from "../../../shared/database/migration_folder.ts";
import { ConfigurationError } from "../../../shared/errors.ts";
import { migrationFolder } from "../../support/migration_files.ts";

async function refused(files: Record<string, string | Uint8Array>): Promise<string> {
  await using folder = await migrationFolder(files);
  const error = await assertRejects(() => readMigrations(folder.path), ConfigurationError);
  return error.message.replaceAll(folder.path, "FOLDER");
}

Deno.test("readMigrations() reads only numbered files, by number", async () => {
  await using folder = await migrationFolder({
    "10_last.sql": "select 10",
    "README.md": "# read me",
    ".0001_draft.sql.swp": "",
    ".9_draft.sql": "",
    ...Object.fromEntries(
      Array.from({ length: 9 }, (_, index) => [`0${index + 1}-step.sql`, "select 1; select 2"]),
    ),
  });
  const files = await readMigrations(folder.path);
  assertEquals(files.map(({ version }) => version), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assertEquals(files.at(-1)?.name, "10_last.sql");
  assertEquals(files[0]?.statements.length, 2);
});

Deno.test("readMigrations() rejects missing numbers, gaps and duplicates with a remedy", async () => {
  const orders = "select 1";
  assertEquals(
    await refused({ "orders.sql": orders }),
    "Cannot use 'FOLDER/orders.sql' because its name has no number: use a name like 0001_orders.sql",
  );
  assertEquals(
    await refused({ "1_orders.sql": orders, "0001_items.sql": orders }),
    "Cannot use the migrations in 'FOLDER' because 0001_items.sql and 1_orders.sql have the same number: give one of them the next free number",
  );
  const gap = "number them from 1, without gaps";
  assertEquals(
    await refused({ "0001_orders.sql": orders, "0003_items.sql": orders }),
    `Cannot use the migrations in 'FOLDER' because number 2 is missing before 0003_items.sql: ${gap}`,
  );
  assertEquals(
    await refused({ "0002_items.sql": orders }),
    `Cannot use the migrations in 'FOLDER' because number 1 is missing before 0002_items.sql: ${gap}`,
  );
  assertEquals(
    await refused({ "0001_orders.sql": new Uint8Array([0xff, 0xfe, 0x73]) }),
    "Cannot use 'FOLDER/0001_orders.sql' because it is not UTF-8: save it as UTF-8",
  );
});

Deno.test("readMigrations() rejects transaction control", async () => {
  for (const word of ["BEGIN", "commit", "ROLLBACK", "start transaction", "end", "abort"]) {
    const message = await refused({ "1_a.sql": `create table a ();\n\n${word};` });
    assertEquals(
      message,
      `Cannot use 'FOLDER/1_a.sql:3' because a file must not control transactions: remove '${word}'; each file runs in one transaction`,
    );
  }
});

Deno.test("readMigrations() accepts savepoints, and files that opt out of the transaction", async () => {
  await using folder = await migrationFolder({
    "1_a.sql": "savepoint s; rollback to s; rollback work to savepoint s",
    "2_b.sql": "-- celeriac: no transaction\r\ncreate index concurrently i on a (n)",
    "3_c.sql": "\ufeffselect 1\n-- celeriac: no transaction",
  });
  const files = await readMigrations(folder.path);
  assertEquals(files.map(({ transaction }) => transaction), [true, false, true]);
  assertEquals(files[2]?.statements[0]?.text.startsWith("select 1"), true);
});

Deno.test("readMigrations() names the setting when the folder does not exist", async () => {
  const read = () => readMigrations("/nowhere/migrations");
  await assertRejects(read, ConfigurationError, "correct CELERIAC_MIGRATIONS or --migrations");
});
