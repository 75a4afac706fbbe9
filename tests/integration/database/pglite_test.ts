import { assertEquals, assertRejects } from "@std/assert";
import { PgliteDatabase } from "../../../shared/database/pglite.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { testDatabase } from "../../support/database_conformance.ts";

testDatabase("PgliteDatabase", () => {
  const database = new PgliteDatabase();
  return Promise.resolve({ database, [Symbol.asyncDispose]: () => database.stop() });
});

Deno.test("PgliteDatabase keeps its data in the folder", async () => {
  const folder = await Deno.makeTempDir();
  try {
    {
      await using database = new PgliteDatabase({ folder: `${folder}/not/yet/there` });
      await database.start();
      await database.script("create table kept (n integer); insert into kept values (7)");
    }
    await using again = new PgliteDatabase({ folder: `${folder}/not/yet/there` });
    await again.start();
    assertEquals(await again.query("select n from kept"), [{ n: 7 }]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("PgliteDatabase.start() is unavailable when the folder is a file", async () => {
  const file = await Deno.makeTempFile();
  try {
    await using database = new PgliteDatabase({ folder: `${file}/data` });
    await assertRejects(() => database.start(), DatabaseUnavailable);
  } finally {
    await Deno.remove(file);
  }
});
