/** Third-party tools for the OpenAPI document: redocly lints it, openapi-typescript and openapi-python-client generate clients,
 * and the clients submit tasks to a running API. */
import { assert, assertEquals } from "@std/assert";
import { dirname } from "node:path";
import { openApiDocument } from "../../api/openapi/document.ts";
import { Registry } from "../../shared/contracts/registry.ts";
import * as sample from "../../shared/tasks/mod.ts";
import * as tests from "../app/contracts.ts";
import { auditTool } from "../support/audit_tools.ts";
import { blocksOf, pages } from "../support/documentation.ts";
import { freshPipeline } from "../support/pipeline.ts";
import { Process, run } from "../support/process.ts";
import { sampleApp, startApi, startWorker } from "../support/roles.ts";
import {
  PYTHON_CLIENT,
  PYTHON_CONFIG,
  TYPESCRIPT_CLIENT,
  TYPESCRIPT_MISTAKES,
} from "./openapi_clients.ts";

const REDOCLY = "npm:@redocly/cli@2.77.0";
const OPENAPI_TYPESCRIPT = "npm:openapi-typescript@7.13.0";

/** Accepted findings of redocly. */
const EXCEPTIONS = [
  {
    rule: "operation-4xx-response",
    at: /^#\/paths\/~1(livez|readyz)\//,
    reason: "a probe is answered whatever it brings: nothing in its request can be wrong",
  },
];

/** Runs a program from npm without the checkout's configuration. */
const npm = (specifier: string, ...args: string[]) =>
  [Deno.execPath(), ["run", "-A", "--no-config", "--no-lock", specifier, ...args]] as const;

const EXPECTED = {
  submitted: { state: "SUCCESS", result: 5 },
  read: { args: [], kwargs: { x: 2, y: 3 } },
  workflow: { state: "SUCCESS", result: [13, 23] },
};

/** Writes the documents of two apps, one with a token, to a new folder. */
async function documents(folder: string): Promise<Record<"sample" | "tests", string>> {
  const rest = { maxWait: 60, batchLimit: 10_000, version: "1.2.3" };
  const files = { sample: `${folder}/sample.json`, tests: `${folder}/tests.json` };
  for (const [name, module] of [["sample", sample], ["tests", tests]] as const) {
    const registry = Registry.fromModule(module, name);
    const document = await openApiDocument({ registry, secured: name === "tests", ...rest });
    await Deno.writeTextFile(files[name], JSON.stringify(document));
  }
  return files;
}

Deno.test("generated clients of the OpenAPI document work, and redocly reports no problem", async (t) => {
  const generator = await auditTool("openapi-python-client");
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "celeriac-openapi-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const files = await documents(folder);
  const pipeline = stack.use(await freshPipeline());
  const { AMQP_URL = "", DATABASE_URL = "" } = pipeline.env;
  const env = { ...sampleApp, AMQP_URL, DATABASE_URL };
  const { api, url } = await startApi({ env });
  stack.use(api);
  stack.use(await startWorker({ env }));

  await t.step("redocly lint", async () => {
    const used = new Set<string>();
    for (const file of Object.values(files)) {
      const [program, args] = npm(REDOCLY, "lint", file, "--extends=recommended", "--format=json");
      await using linter = Process.start(program, args, {
        cwd: folder,
        env: { REDOCLY_TELEMETRY: "off" },
      });
      await linter.exit({ timeoutMs: 120_000 });
      const { problems } = JSON.parse(linter.stdout.slice(linter.stdout.indexOf("{")));
      const unexcused = problems.filter(
        ({ ruleId, location }: { ruleId: string; location: { pointer: string }[] }) => {
          const excuse = EXCEPTIONS.find(({ rule, at }) =>
            rule === ruleId && at.test(location[0]?.pointer ?? "")
          );
          if (excuse) used.add(excuse.rule);
          return !excuse;
        },
      );
      assertEquals(unexcused, []);
    }
    assertEquals(used.size, EXCEPTIONS.length, "an exception that nothing needs");
  });

  await t.step("openapi-typescript and openapi-fetch", async () => {
    for (const [name, file] of Object.entries(files)) {
      const [program, args] = npm(OPENAPI_TYPESCRIPT, file, "--output", `${folder}/${name}.ts`);
      await run(program, [...args], { cwd: folder, timeoutMs: 120_000 });
    }
    await Deno.writeTextFile(`${folder}/client.ts`, TYPESCRIPT_CLIENT);
    const checked = ["client.ts", "sample.ts", "tests.ts"];
    const plain = ["--no-config", "--no-lock"];
    const options = { cwd: folder, timeoutMs: 120_000 };
    await run(Deno.execPath(), ["check", ...plain, ...checked], options);
    await Deno.writeTextFile(`${folder}/mistakes.ts`, TYPESCRIPT_MISTAKES);
    await using mistaken = Process.start(Deno.execPath(), ["check", ...plain, "mistakes.ts"], {
      cwd: folder,
      env: { NO_COLOR: "1" },
    });
    await mistaken.exit({ timeoutMs: 120_000 });
    const lines = [...mistaken.output.matchAll(/mistakes\.ts:(\d+):/g)].map(([, line]) => line);
    assertEquals(lines, ["6", "7", "8"], mistaken.output);
    const answer = await run(
      Deno.execPath(),
      ["run", "-A", ...plain, "--no-check", "client.ts", url],
      options,
    );
    assertEquals(JSON.parse(answer), EXPECTED);
  });

  await t.step("the program of docs/call/typescript.md prints the result", async () => {
    const page = "docs/call/typescript.md";
    const blocks = blocksOf(page, (await pages()).get(page) ?? "");
    const program = blocks.find(({ language }) => language === "ts")?.text ?? "";
    await Deno.writeTextFile(`${folder}/call.ts`, program.replace("http://127.0.0.1:8000", url));
    const flags = ["--no-config", "--no-lock", "--no-check", "--allow-net=127.0.0.1"];
    const printed = await run(Deno.execPath(), ["run", ...flags, "call.ts"], { cwd: folder });
    assertEquals(printed.trim(), "SUCCESS 5");
  });

  await t.step(
    "the Python blocks of the pages parse, and that for httpx prints the result",
    async () => {
      const python = `${dirname(generator)}/python`;
      const blocks = [...await pages()].flatMap(([page, text]) => blocksOf(page, text))
        .filter(({ language }) => language === "python");
      const parse = "import ast, sys; [ast.parse(text) for text in sys.argv[1:]]";
      await run(python, ["-c", parse, ...blocks.map(({ text }) => text)], { cwd: folder });
      const [program = ""] = blocks.flatMap(({ text }) =>
        text.includes("import httpx") ? text : []
      );
      const local = `token = "none"\n${program.replace("http://127.0.0.1:8000", url)}`;
      assertEquals((await run(python, ["-c", local], { cwd: folder })).trim(), "SUCCESS 5");
    },
  );

  await t.step("openapi-python-client", async () => {
    await Deno.writeTextFile(`${folder}/config.yaml`, PYTHON_CONFIG);
    for (const [name, file] of Object.entries(files)) {
      const output = `${folder}/${name}_client`;
      const args = ["generate", "--path", file, "--config", `${folder}/config.yaml`, "--meta=none"];
      await using made = Process.start(
        generator,
        [...args, "--output-path", output, "--fail-on-warning"],
        { cwd: folder },
      );
      const { code } = await made.exit({ timeoutMs: 120_000 });
      assertEquals(code, 0, made.output);
      assert(!/warning/i.test(made.output), made.output);
    }
    await Deno.writeTextFile(`${folder}/client.py`, PYTHON_CLIENT);
    const answer = await run(`${dirname(generator)}/python`, ["client.py", url], {
      cwd: folder,
      timeoutMs: 60_000,
    });
    assertEquals(JSON.parse(answer), EXPECTED);
  });
});
