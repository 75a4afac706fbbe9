/** docs/why/architecture.md names the folders and the outcomes that the code has. */
import { assertEquals } from "@std/assert";

const root = new URL("../../", import.meta.url);
const page = await Deno.readTextFile(new URL("docs/why/architecture.md", root));

/** What stands below a heading, up to the next one. */
function section(heading: string): string {
  return page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
}

Deno.test("the page lists every folder of shared/, api/ and workers/, and no other", () => {
  const listed: string[] = [];
  let parent = "";
  for (const [, indent, name = ""] of section("Folders").matchAll(/^( *)([a-z_]+)\/ /gm)) {
    if (indent === "") parent = name;
    else listed.push(`${parent}/${name}`);
  }
  const folders = ["shared", "api", "workers"].flatMap((parent) =>
    [...Deno.readDirSync(new URL(parent, root))]
      .filter(({ isDirectory }) => isDirectory).map(({ name }) => `${parent}/${name}`)
  );
  assertEquals(listed.toSorted(), folders.toSorted());
});

Deno.test("the page lists every outcome of a delivery, and no other", async () => {
  const source = await Deno.readTextFile(new URL("workers/delivery/outcome.ts", root));
  const kinds = [...source.matchAll(/readonly kind: "(\w+)"/g)].map(([, kind]) => kind);
  const listed = [...section("Outcomes").matchAll(/^\| `(\w+)`/gm)].map(([, kind]) => kind);
  assertEquals(listed, kinds);
});
