/** The command lines of the reference page, pasted into a shell. */
import { assert, assertEquals } from "@std/assert";
import { pathToFileURL } from "node:url";
import { Process, run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

/** Characters with a meaning for the shell. */
const AWKWARD = `it's "$HOME" $(date) \`date\` grün 😀 \\ \\n ! * & ; # <b> \t`;

const url = (path: string) => JSON.stringify(pathToFileURL(`${checkout}${path}`).href);

const CONTRACTS = `
import { defineTask, z } from ${url("shared/mod.ts")};
export * from ${url("shared/tasks/mod.ts")};
const input = z.object({ text: z.string() });
export const echo = defineTask({ name: "echo", input, example: { text: ${
  JSON.stringify(AWKWARD)
} } });
export const nested = defineTask({
  name: "nested",
  input: z.object({
    items: z.array(z.object({ sku: z.string().regex(/^[A-Z]{3}-\\d+$/), count: z.int().min(1) })),
    when: z.iso.datetime(),
    mail: z.email().optional(),
  }),
});
`;

const HANDLERS = `
import { handle } from ${url("workers/mod.ts")};
import { echo, nested } from "./contracts.ts";
export * from ${url("workers/tasks/mod.ts")};
export const echoes = handle(echo, ({ text }) => text);
export const nests = handle(nested, ({ items }) => items.length);
`;

Deno.test("every line of /docs, pasted into a shell, submits its task", async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "celeriac docs é " });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeTextFile(`${folder}/contracts.ts`, CONTRACTS);
  await Deno.writeTextFile(`${folder}/handlers.ts`, HANDLERS);
  const flags = [`--contracts=${folder}/contracts.ts`, `--handlers=${folder}/handlers.ts`];
  const dev = stack.use(Process.start(
    Deno.execPath(),
    ["run", "-A", `${checkout}cli.ts`, "dev", "--ephemeral", ...flags],
    { env: { PORT: "0", NO_COLOR: "1" }, cwd: folder },
  ));
  const [, url = ""] = await dev.said(/ready at (http:\S+)/, { timeoutMs: 60_000 });

  const page = await (await fetch(`${url}/docs`)).text();
  const lines = [...page.matchAll(/<pre>(curl [^<]*)<\/pre>/g)].map(([, line]) => plain(line!));
  assert(lines.length >= 6, page);
  for (const line of lines) {
    const record = JSON.parse(await run("sh", ["-c", `${line} -s`]));
    assertEquals(record.state, "SUCCESS", `${line}\n${JSON.stringify(record, null, 2)}`);
    if (record.name === "echo") assertEquals(record.result, AWKWARD);
  }
});

/** Text of HTML. */
function plain(html: string): string {
  const characters: Record<string, string> = { lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" };
  return html.replaceAll(/&([^;]+);/g, (whole, name) => characters[name] ?? whole);
}
