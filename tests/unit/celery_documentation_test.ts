/** docs/celery.md names a test for each claim; the files must be there. */
import { assert, assertEquals } from "@std/assert";

const checkout = new URL("../../", import.meta.url);

Deno.test("docs/celery.md names tests that exist, for every trap", async () => {
  const text = await Deno.readTextFile(new URL("docs/celery.md", checkout));
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
