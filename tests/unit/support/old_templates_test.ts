import { assertEquals } from "@std/assert";
import { removeOldTemplates } from "../../support/old_templates.ts";

Deno.test("removeOldTemplates() keeps the templates of two days, and everything else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const kept = ["pglite-20300102_0a1b", "pglite-20300103_0a1b", "pglite-a1b2", "unit.xml"];
    for (const name of [...kept, "pglite-20291231_0a1b", "pglite-20300101_0a1b"]) {
      await Deno.mkdir(`${folder}/${name}/data`, { recursive: true });
    }
    await removeOldTemplates(folder, new Date("2030-01-03T00:10:00Z"));
    const left = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    assertEquals(left.toSorted(), kept);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
