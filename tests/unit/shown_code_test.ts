/** The blocks of code in README.md and docs/ that are no commands: TypeScript type-checks, JSON and YAML parse. */
import { assertEquals } from "@std/assert";
import { parse } from "yaml";
import { type Block, blocksOf, pages } from "../support/documentation.ts";
import { Process } from "../support/process.ts";
import { checkout } from "../support/roles.ts";

const blocks = [...await pages()].flatMap(([page, text]) => blocksOf(page, text));

/** What an excerpt leaves out. */
const CONTEXT = `
import { defineTask, z } from "@celeriac/celeriac";
import { type Context, handle } from "@celeriac/celeriac/worker";
const input = z.object({ order: z.int() });
const pay = defineTask({ name: "pay", input });
declare function charge(order: number, options: { idempotencyKey: string }): Promise<string>;
declare const log: Context["log"];
declare const error: Error;
export { charge, defineTask, error, handle, input, log, pay, z };
`;

/** The contracts of the app that an excerpt belongs to. */
const CONTRACTS = `
import { defineTask, z } from "@celeriac/celeriac";
export const greet = defineTask({
  name: "greet",
  input: z.object({ who: z.string() }),
  output: z.string(),
});
export const orderTotal = defineTask({
  name: "orders.total",
  input: z.object({ prices: z.array(z.number()) }),
  output: z.number(),
});
export const add = defineTask({ name: "add", input: z.object({ x: z.number(), y: z.number() }) });
export const total = defineTask({
  name: "total",
  input: z.object({ numbers: z.array(z.number()) }),
});
`;

/** The handlers of that app. */
const HANDLERS = `
import { handle } from "@celeriac/celeriac/worker";
import { greet, orderTotal } from "./contracts.ts";
export const greetHandler = handle(greet, ({ who }) => who);
export const orderTotalHandler = handle(orderTotal, ({ prices }) => prices.length);
`;

function whole({ text }: Block): string {
  const excerpt = !/^import /m.test(text);
  return excerpt
    ? `import { charge, defineTask, error, handle, input, log, pay, z } from "./context.ts";\n${text}`
    : text;
}

Deno.test("every JavaScript block of the pages parses: it imports what only its reader has", async () => {
  const folder = await Deno.makeTempDir();
  const shown = blocks.filter(({ language }) => language === "js");
  const files = shown.map(({ page, line }) => `${page.replaceAll(/\W/g, "_")}_${line}.js`);
  for (const [index, file] of files.entries()) {
    await Deno.writeTextFile(`${folder}/${file}`, shown[index]!.text);
  }
  // Formatting fails where it cannot parse, and loads nothing.
  const args = ["fmt", "--quiet", "--no-config", ...files];
  await using fmt = Process.start(Deno.execPath(), args, { cwd: folder, env: { NO_COLOR: "1" } });
  const { code } = await fmt.exit({ timeoutMs: 60_000 });
  await Deno.remove(folder, { recursive: true });
  assertEquals(code, 0, fmt.output);
  assertEquals(files.length > 0, true);
});

Deno.test("every TypeScript block of the pages type-checks", async () => {
  const folder = await Deno.makeTempDir();
  const shown = blocks.filter(({ language }) => language === "ts");
  const files = shown.map(({ page, line }) => `${page.replaceAll(/\W/g, "_")}_${line}.ts`);
  await Deno.writeTextFile(`${folder}/context.ts`, CONTEXT);
  await Deno.writeTextFile(`${folder}/contracts.ts`, CONTRACTS);
  await Deno.writeTextFile(`${folder}/handlers.ts`, HANDLERS);
  for (const [index, file] of files.entries()) {
    await Deno.writeTextFile(`${folder}/${file}`, whole(shown[index]!));
  }
  const args = ["check", "--quiet", `--config=${checkout}deno.json`, ...files];
  await using check = Process.start(Deno.execPath(), args, { cwd: folder, env: { NO_COLOR: "1" } });
  const { code } = await check.exit({ timeoutMs: 120_000 });
  await Deno.remove(folder, { recursive: true });
  assertEquals(code, 0, check.output);
  assertEquals(files.length >= 10, true);
});

Deno.test("every JSON and YAML block of the pages parses", () => {
  const wrong = blocks.flatMap(({ page, line, language, text }) => {
    try {
      if (language === "json") JSON.parse(text);
      if (language === "jsonc") JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, ""));
      if (language === "yaml") parse(text);
      return [];
    } catch (error) {
      return [`${page}:${line}: ${(error as Error).message}`];
    }
  });
  assertEquals(wrong, []);
});
