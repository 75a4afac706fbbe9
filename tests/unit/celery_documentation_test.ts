/** docs/reference/celery.md names a test for each claim; the files must be there. */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";

const checkout = new URL("../../", import.meta.url);

Deno.test("docs/reference/celery.md names tests that exist, for every trap", async () => {
  const text = await Deno.readTextFile(new URL("docs/reference/celery.md", checkout));
  const named = [...new Set(text.match(/tests\/[\w/.]+_test\.ts/g))];
  assert(named.length > 10);
  const there = async (path: string) =>
    await Deno.stat(new URL(path, checkout)).then(({ isFile }) => isFile, () => false);
  const missing = await Promise.all(named.map(async (path) => await there(path) ? [] : [path]));
  assertEquals(missing.flat(), []);
  for (let trap = 1; trap <= 17; trap++) {
    const row = text.split("\n").find((line) => line.startsWith(`| T${trap}:`));
    assert(row && /_test\.ts/.test(row), `trap T${trap} has no row that names a test`);
  }
});

Deno.test("docs/reference/celery.md names a test for every feature", async () => {
  const text = await Deno.readTextFile(new URL("docs/reference/celery.md", checkout));
  const [, features = ""] = /## Features\n([^]*?)\n## /.exec(text) ?? [];
  const rows = features.split("\n").filter((line) => line.startsWith("| ")).slice(2);
  assert(rows.length > 35, String(rows.length));
  assertEquals(rows.filter((row) => !/\| tests\/[^|]+_test\.ts +\|$/.test(row)), []);
});

Deno.test("docs/reference/celery.md names every test with real Celery", async () => {
  const text = await Deno.readTextFile(new URL("docs/reference/celery.md", checkout));
  const folder = fileURLToPath(new URL("tests/interop/", checkout));
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory) continue;
    for await (const file of Deno.readDir(`${folder}${name}`)) {
      if (file.name.endsWith("_test.ts")) files.push(`tests/interop/${name}/${file.name}`);
    }
  }
  assert(files.length >= 10, files.join());
  assertEquals(files.filter((file) => !text.includes(file)), []);
});
