import { assert, assertEquals, assertRejects } from "@std/assert";
import { pathToFileURL } from "node:url";
import { importModule } from "../../../shared/contracts/modules.ts";

/** Modules that cannot be loaded, and the end of what is said: reason, line, caret, place. */
const mistakes: Readonly<Record<string, readonly [text: string, reason: RegExp, frame: string]>> = {
  "syntax.ts": [
    "export const x = ;",
    /because SyntaxError: Expression expected: fix the module or --handlers/,
    "1 | export const x = ;\n  |                  ~",
  ],
  "throws.ts": [
    "\n\nthrow new RangeError('not today');",
    /because not today: fix/,
    "3 | throw new RangeError('not today');\n  |       ^",
  ],
  "undefined.ts": [
    "const settings: { a?: { b: number } } = {};\nexport const b = settings.a!.b;",
    /because Cannot read properties of undefined \(reading 'b'\): fix/,
    "2 | export const b = settings.a!.b;\n  |                              ^",
  ],
  "import.ts": [
    "import './throws.ts';\nimport './gone.ts';",
    /because Module not found ".*gone\.ts"/,
    "2 | import './gone.ts';\n  |        ^",
  ],
  "name.ts": [
    "import { nope } from './fine.ts';\nnope();",
    /because The requested module '\.\/fine\.ts' does not provide an export named 'nope'/,
    "1 | import { nope } from './fine.ts';\n  |          ^",
  ],
  "contract.ts": [
    `import { defineTask, z } from "${import.meta.resolve("../../../shared/mod.ts")}";\n` +
    'export const a = defineTask({ name: "a b", input: z.object({}) });',
    /Cannot define task 'a b'/,
    '2 | export const a = defineTask({ name: "a b", input: z.object({}) });\n  |                  ^',
  ],
};

Deno.test("importModule() shows line, caret, file and column of an error in a module of the app", async () => {
  const folder = `${await Deno.makeTempDir()}/äpp, 50%20`;
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/fine.ts`, "export const fine = 1;");
  for (const [name, [text]] of Object.entries(mistakes)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  for (const [name, [, reason, frame]] of Object.entries(mistakes)) {
    const url = pathToFileURL(`${folder}/${name}`).href;
    const { message } = await assertRejects(() => importModule(url, "handlers"));
    assert(reason.test(message), message);
    const [, ...lines] = message.split("\n");
    assertEquals(lines.slice(-3, -1).join("\n"), frame, message);
    const [place = ""] = lines.slice(-1);
    assert(place.includes(`${folder}/${name}:`) && /:\d+:\d+$/.test(place), place);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("importModule() shows only the reason of an error without a position", async () => {
  const thrown = "data:text/javascript,throw 'a string'";
  const { message } = await assertRejects(() => importModule(thrown, "contracts"));
  assertEquals(
    message,
    `Cannot load contracts module '${thrown}' because a string: fix the module or --contracts`,
  );
});
