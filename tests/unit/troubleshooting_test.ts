/** docs/run/troubleshooting.md quotes only texts that the code contains. */
import { assertEquals } from "@std/assert";
import { readModules } from "../support/modules.ts";

const root = new URL("../../", import.meta.url);

/** The code spans in the first column of the tables of symptoms. */
function quotedTexts(page: string): string[] {
  const rows = page.matchAll(/^\| ([^|]*) \|.*$/gm);
  return [...rows].flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)])
    .map(([, text = ""]) => text);
}

/** The source with the texts that it writes on several lines in one piece. */
function joined(source: string): string {
  return source.replaceAll(/["'`] \+\s*["'`]/g, "").replaceAll("\\`", "`");
}

Deno.test("every text that the troubleshooting page quotes is in one file of the sources", async () => {
  const modules = [...(await readModules(root)).values()];
  const sources = modules.filter(({ path }) => /^(api|beat|cli|shared|workers)\//.test(path))
    .map(({ text }) => joined(text));
  const texts = quotedTexts(await Deno.readTextFile(new URL("docs/run/troubleshooting.md", root)));
  const missing = texts.filter((text) => {
    const parts = text.split("...").map((part) => part.trim()).filter((part) => part !== "");
    return !sources.some((source) => parts.every((part) => source.includes(part)));
  });
  assertEquals(missing, []);
  assertEquals(texts.length > 40, true);
});
