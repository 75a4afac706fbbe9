/** An ordinary app under the flags that `permissions dev` prints: packages with files of their own, variables, native code. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { submit } from "../../support/pipeline.ts";
import { Process, run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

const FILES: Readonly<Record<string, string>> = {
  "contracts.ts": `
    import { defineTask, z } from "@celeriac/celeriac";
    const input = z.object({});
    const child = { input, run: "process" } as const;
    export const pdf = defineTask({ name: "pdf", ...child });
    export const inlinePdf = defineTask({ name: "inline_pdf", input });
    export const query = defineTask({ name: "query", ...child });
    export const image = defineTask({
      name: "image",
      ...child,
      permissions: { ffi: true, sys: ["cpus", "hostname", "networkInterfaces"] },
    });
    export const shop = defineTask({ name: "shop", input, permissions: { env: ["SHOP_URL"] } });
    export const key = defineTask({
      name: "key",
      ...child,
      permissions: { env: ["API_KEY"], read: [".", \`\${import.meta.dirname}/templates\`], write: ["."] },
    });
    const retry = { maxAttempts: 5, base: 0.1 };
    export const forgotten = defineTask({ name: "forgotten", input, retry });
    export const forgottenInChild = defineTask({ name: "forgotten_in_child", ...child, retry });
  `,
  "handlers.ts": `
    import { handle } from "@celeriac/celeriac/worker";
    import { forgotten, forgottenInChild, inlinePdf } from "./contracts.ts";
    import { forget } from "./forget.ts";
    import { makePdf } from "./make_pdf.ts";
    export * from "./documents.ts";
    export * from "./image.ts";
    export * from "./key.ts";
    export * from "./shop.ts";
    export const inlinePdfHandler = handle(inlinePdf, makePdf);
    export const forgottenHandler = handle(forgotten, forget);
    export { forgottenInChildHandler } from "./forget.ts";
  `,
  "forget.ts": `
    import debug from "debug";
    import process from "node:process";
    import { handle } from "@celeriac/celeriac/worker";
    import { forgottenInChild } from "./contracts.ts";
    export function forget(): string | undefined {
      debug("shop")("reads the whole environment, and finds nothing");
      try {
        return process.env.SECRET;
      } catch (cause) {
        throw new Error("no secret", { cause });
      }
    }
    export const forgottenInChildHandler = handle(forgottenInChild, forget);
  `,
  "make_pdf.ts": `
    import PDFDocument from "pdfkit";
    export async function makePdf(): Promise<string> {
      const pdf = new PDFDocument();
      pdf.font("Times-Roman").text("Hello");
      pdf.end();
      for await (const bytes of pdf) return new TextDecoder().decode(bytes).slice(0, 5);
    }
  `,
  "documents.ts": `
    import { handle } from "@celeriac/celeriac/worker";
    import initSqlJs from "sql.js";
    import { pdf, query } from "./contracts.ts";
    import { makePdf } from "./make_pdf.ts";
    export const pdfHandler = handle(pdf, makePdf);
    export const queryHandler = handle(query, async () => {
      const { Database } = await initSqlJs();
      return new Database().exec("select 40 + 2")[0].values;
    });
  `,
  "image.ts": `
    import { handle } from "@celeriac/celeriac/worker";
    import { image } from "./contracts.ts";
    export const imageHandler = handle(image, async () => {
      const { default: sharp } = await import("sharp");
      const red = { width: 3, height: 2, channels: 3, background: "red" };
      const png = await sharp({ create: red }).png().toBuffer();
      return (await sharp(png).metadata()).width;
    });
  `,
  "shop.ts": `
    import { handle } from "@celeriac/celeriac/worker";
    import { shop } from "./contracts.ts";
    const url = Deno.env.get("SHOP_URL"); // no other module's child may read it
    export const shopHandler = handle(shop, () => url);
  `,
  "key.ts": `
    import { tmpdir } from "node:os";
    import { handle } from "@celeriac/celeriac/worker";
    import { key } from "./contracts.ts";
    const apiKey = Deno.env.get("API_KEY");
    export const keyHandler = handle(key, async () => {
      const file = await Deno.makeTempFile();
      const template = await Deno.readTextFile(import.meta.dirname + "/templates/a.txt");
      return [apiKey, template, file.startsWith(tmpdir() + "/"), Deno.cwd() === tmpdir()];
    });
  `,
  "templates/a.txt": "Dear",
};

const IMPORTS = {
  "@celeriac/celeriac": "jsr:@celeriac/celeriac@^0.1.0",
  debug: "npm:debug@^4.4.3",
  pdfkit: "npm:pdfkit@^0.17.2",
  sharp: "npm:sharp@^0.34.5",
  "sql.js": "npm:sql.js@^1.14.0",
};

const CLI = "@celeriac/celeriac/cli";
const FLAGS = [
  "--contracts=./contracts.ts",
  "--handlers=./handlers.ts",
  "--ephemeral",
  "--processes=1",
];

/** An app's folder and a runner for its commands. */
async function app(config: Record<string, unknown>, stack: AsyncDisposableStack) {
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.mkdir(`${folder}/templates`);
  const files = { ...FILES, "deno.json": JSON.stringify({ ...config, links: [checkout] }) };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const env = { PORT: "0", NO_COLOR: "1", SHOP_URL: "http://shop", API_KEY: "k", SECRET: "s" };
  const options = { cwd: folder, env };
  const start = async () => {
    const asked = ["run", "-A", CLI, "permissions", "dev", ...FLAGS];
    const flags = (await run(Deno.execPath(), asked, options)).trim().split(/\s+/);
    const dev = Process.start(Deno.execPath(), ["run", ...flags, CLI, "dev", ...FLAGS], options);
    return stack.use(dev);
  };
  return { folder, start };
}

const LAYOUTS = { "Deno's cache": "none", "a node_modules folder": "auto" };

for (const [place, nodeModulesDir] of Object.entries(LAYOUTS)) {
  Deno.test(`an app with packages in ${place} gets exactly the permissions of its contracts`, async (t) => {
    await using stack = new AsyncDisposableStack();
    const { folder, start } = await app({ imports: IMPORTS, nodeModulesDir }, stack);
    if (nodeModulesDir === "auto") {
      await run(Deno.execPath(), ["install", "--entrypoint", "handlers.ts"], { cwd: folder });
    }
    const dev = await start();
    const [, url = ""] = await dev.said(/ready at (http:\S+)/, { timeoutMs: 120_000 });
    const record = async (task: string) => {
      const { id } = await submit(url, task, { kwargs: {} }, { prefer: "wait=30" });
      return await (await fetch(`${url}/v1/tasks/${id}`)).json();
    };

    assertMatch(dev.output, /image may run native code \(ffi\), which permissions cannot restrict/);
    const results: [string, string, unknown][] = [
      ["a package reads its fonts in a child", "pdf", "%PDF-"],
      ["a package reads its fonts inline", "inline_pdf", "%PDF-"],
      ["a package reads its WebAssembly", "query", [[42]]],
      ["a native package runs where the contract says so", "image", 3],
      ["a module reads a declared variable at its top level", "shop", "http://shop"],
      ["a child has variable, file and folder", "key", ["k", "Dear", true, true]],
    ];
    for (const [what, task, result] of results) {
      await t.step(what, async () => {
        const { state, result: got, error } = await record(task);
        assertEquals([state, got, error], ["SUCCESS", result, null]);
      });
    }
    for (const task of ["forgotten", "forgotten_in_child"]) {
      await t.step(`${task}: an undeclared variable fails the task at once`, async () => {
        const failed = await record(task);
        assertEquals([failed.state, failed.retries], ["FAILURE", 0]);
        assertStringIncludes(JSON.stringify(failed.error), "permissions: { env: [");
        assertEquals(
          failed.meta?.violations?.map(({ violation }: { violation: string }) => violation),
          [
            "env",
          ],
        );
      });
    }
  });
}

Deno.test("a worker rejects a native package at a module's top level, and names the place for it", async () => {
  await using stack = new AsyncDisposableStack();
  const { folder, start } = await app({ imports: IMPORTS }, stack);
  const atTop = `import "sharp";\n${FILES["image.ts"]}`;
  await Deno.writeTextFile(`${folder}/image.ts`, atTop);
  const dev = await start();
  assertEquals((await dev.exit()).code, 2);
  assertMatch(dev.output, /Cannot load handlers module .* denied ffi access to .*sharp/);
  assertStringIncludes(dev.output, "within the handler");
});
