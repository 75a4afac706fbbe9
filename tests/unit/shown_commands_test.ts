/** Every command of the documentation is run by a test, or has a reason why not. */
import { assertEquals } from "@std/assert";
import { blocksOf, commandsOf, pages } from "../support/documentation.ts";
import { BY_NEWCOMER, NOT_EXECUTED, ON_SERVERS } from "../support/shown_commands.ts";

const shown = [...await pages()].flatMap(([page, text]) => commandsOf(page, text));
const executed = [...ON_SERVERS.map((one) => one.shown), ...Object.values<string>(BY_NEWCOMER)];
const excused = (text: string) => NOT_EXECUTED.some(([pattern]) => pattern.test(text));

Deno.test("every command that a page shows is run by a test, or says why not", () => {
  const unknown = shown.filter(({ text }) => !executed.includes(text) && !excused(text));
  assertEquals(unknown, []);
});

Deno.test("no command is both run and excused, and the lists hold nothing that no page shows", () => {
  const texts = shown.map(({ text }) => text);
  assertEquals(executed.filter(excused), []);
  assertEquals(executed.filter((text) => !texts.includes(text)), []);
  const unused = NOT_EXECUTED.filter(([pattern]) => !texts.some((text) => pattern.test(text)));
  assertEquals(unused, []);
});

Deno.test("commands stand in sh blocks, and every block is of a known language", async () => {
  const languages = [
    "",
    "dockerfile",
    "js",
    "json",
    "jsonc",
    "python",
    "sh",
    "sql",
    "text",
    "ts",
    "yaml",
  ];
  const blocks = [...await pages()].flatMap(([page, text]) => blocksOf(page, text));
  const wrong = blocks.filter(({ language, text }) =>
    !languages.includes(language) || language !== "sh" && /^(\$ |deno |curl )/m.test(text)
  );
  assertEquals(wrong, []);
  assertEquals(blocks.length > 40, true);
});
