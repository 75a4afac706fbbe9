import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { PgliteDatabase } from "../../../shared/database/pglite.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { testDatabase } from "../../support/database_conformance.ts";

// A new database takes seconds, an old one a third of one: the cases share a folder, and none looks for another's tables.
const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

testDatabase("PgliteDatabase", () => {
  const database = new PgliteDatabase({ folder });
  return Promise.resolve({ database, [Symbol.asyncDispose]: () => database.stop() });
});

Deno.test("PgliteDatabase works in memory without a folder", async () => {
  await using database = new PgliteDatabase();
  await database.start();
  assertEquals(database.address, "memory");
  assertEquals(await database.query("select 1 as one"), [{ one: 1 }]);
});

Deno.test("PgliteDatabase creates its folder and keeps data in it", async () => {
  const root = await Deno.makeTempDir();
  const folder = join(root, "not", "yet", "there");
  try {
    {
      await using database = new PgliteDatabase({ folder });
      await database.start();
      await database.script("create table kept (n integer); insert into kept values (7)");
    }
    await using again = new PgliteDatabase({ folder });
    await again.start();
    assertEquals(await again.query("select n from kept"), [{ n: 7 }]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("PgliteDatabase.start() fails when the folder cannot be created, and can be retried", async () => {
  const file = await Deno.makeTempFile();
  const folder = join(file, "data");
  await using database = new PgliteDatabase({ folder });
  await assertRejects(() => database.start(), DatabaseUnavailable, folder);
  await Deno.remove(file);
  try {
    await database.start();
    assertEquals(await database.query("select 1 as one"), [{ one: 1 }]);
    await database.stop();
  } finally {
    await Deno.remove(file, { recursive: true });
  }
});
