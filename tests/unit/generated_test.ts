import { assertEquals } from "@std/assert";
import { generated } from "../../cli/generate.ts";

const root = new URL("../../", import.meta.url);

Deno.test("generated files are as `deno task generate` writes them", () => {
  const read = (path: string) => Deno.readTextFileSync(new URL(path, root));
  const files = generated(read);
  assertEquals(files.size, 6);
  for (const [path, text] of files) assertEquals(read(path), text, path);
});
