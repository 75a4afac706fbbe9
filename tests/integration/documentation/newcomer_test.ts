/** The README, followed from an empty folder with an empty cache; and the examples of docs/learn/workflows.md, on what it has started. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { dirname } from "node:path";
import { copyCheckout, readmeApp } from "../../support/checkout_copy.ts";
import { blocksOf, commandsOf } from "../../support/documentation.ts";
import { eventually } from "../../support/eventually.ts";
import { Process, run } from "../../support/process.ts";
import { BY_NEWCOMER } from "../../support/shown_commands.ts";

/** Packages are fetched, and a database is made. */
const FIRST_START_MS = 300_000;

/** What the examples of docs/learn/workflows.md end with, in their order. */
const WORKFLOW_RESULTS = [8, 6, 2, 4, [[2, 4], [6]]];

/** The contracts that the program of docs/learn/workflows.md imports. */
const CONTRACTS = `
import { defineTask, z } from "@celeriac/celeriac";
const output = z.number();
export const add = defineTask({
  name: "add",
  input: z.object({ x: z.number(), y: z.number() }),
  output,
});
export const total = defineTask({
  name: "total",
  input: z.object({ numbers: z.array(z.number()) }),
  output,
});
`;

async function ended(url: string, id: string): Promise<{ state: string; result: unknown }> {
  return await (await fetch(`${url}/v1/workflows/${id}?wait=20`)).json();
}

async function hasProgram(name: string): Promise<boolean> {
  const { success } = await new Deno.Command("sh", { args: ["-c", `command -v ${name}`] }).output();
  return success;
}

Deno.test("the README works as written, from an empty folder with an empty cache", async (t) => {
  await using stack = new AsyncDisposableStack();
  const parent = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(parent, { recursive: true }));
  const checkout = await copyCheckout(parent);
  const readme = await Deno.readTextFile(`${checkout}/README.md`);
  const shown = commandsOf("README.md", readme).map(({ text }) => text);
  const [start = "", curl = "", startOwn = "", call = "", init = ""] = BY_NEWCOMER;
  assertEquals(BY_NEWCOMER.filter((text) => !shown.includes(text)), []);

  const env: Record<string, string> = {
    DENO_DIR: `${parent}/cache`,
    NO_COLOR: "1",
    PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`,
    PORT: "0",
  };
  const launch = async (text: string, cwd: string) => {
    const options = { cwd, env, ownGroup: true };
    const process = stack.use(Process.start("sh", ["-c", text], options));
    stack.defer(async () => {
      process.killGroup("SIGTERM");
      await process.exit({ timeoutMs: 60_000 });
    });
    const started = performance.now();
    await process.said(/^ *curl .*\n/m, { timeoutMs: FIRST_START_MS });
    console.log(`${text}: ready after ${Math.round((performance.now() - started) / 1000)} s`);
    const [, url = ""] = /ready at (http:\S+)/.exec(process.output) ?? [];
    return { url, printed: /^ *(curl .*)$/m.exec(process.output)?.[1] };
  };

  // "With Deno 2.9 installed use `deno`; otherwise put `npx --yes deno@2.9` in its place."
  const command = await hasProgram("npx") ? start : start.replace("npx --yes deno@2.9", "deno");
  const { url, printed } = await launch(command, checkout);

  await t.step(
    "the line that dev prints is the README's, and answers with the result",
    async () => {
      assertEquals(printed, curl.replace("http://127.0.0.1:8000", url));
      const { state, result } = JSON.parse(await run("sh", ["-c", printed!]));
      assertEquals({ state, result }, { state: "SUCCESS", result: 5 });
      const reference = await (await fetch(`${url}/docs`)).text();
      for (const task of ["text.statistics", "csv.summary", "image.thumbnail", "total"]) {
        assertStringIncludes(reference, task);
      }
    },
  );

  const page = await Deno.readTextFile(`${checkout}/docs/learn/workflows.md`);
  const blocks = blocksOf("docs/learn/workflows.md", page);

  await t.step("the workflows of docs/learn/workflows.md end as the page says", async () => {
    const bodies = blocks.filter(({ language }) => language === "json").map(({ text }) => text);
    const results = await Promise.all(bodies.map(async (body) => {
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${url}/v1/workflows`, { method: "POST", headers, body });
      return (await ended(url, (await answer.json()).id)).result;
    }));
    assertEquals(results, WORKFLOW_RESULTS);
  });

  await t.step("the program of docs/learn/workflows.md submits its workflow", async () => {
    const folder = `${checkout}/workflow`;
    await Deno.mkdir(folder);
    const program = blocks.find(({ language }) => language === "ts")?.text ?? "";
    await Deno.writeTextFile(`${folder}/contracts.ts`, CONTRACTS);
    await Deno.writeTextFile(
      `${folder}/workflow.ts`,
      program.replace("http://127.0.0.1:8000", url),
    );
    const flags = ["--allow-net=127.0.0.1", "--allow-env", "--allow-read", "--quiet"];
    const output = await run(Deno.execPath(), ["run", ...flags, "workflow.ts"], {
      cwd: folder,
      env,
      timeoutMs: FIRST_START_MS,
    });
    const [, id = ""] = /id: "([\w-]+)"/.exec(output) ?? [];
    assertEquals((await ended(url, id)).result, 11);
  });

  await t.step("a task of one's own runs in a folder of its own", async () => {
    const app = await readmeApp();
    const folder = `${parent}/shop`;
    await run("sh", ["-c", init], { cwd: checkout, env, timeoutMs: FIRST_START_MS });
    await run("sh", ["-c", "deno task test"], { cwd: folder, env, timeoutMs: FIRST_START_MS });
    const own = await launch(startOwn, folder);
    const output = await run("sh", ["-c", call], {
      cwd: folder,
      env: { ...env, CELERIAC_URL: own.url },
      timeoutMs: FIRST_START_MS,
    });
    assertEquals(output.trim(), '"Hello, world!"');

    // docs/learn/schedules.md goes on with the same module, which `dev` loads again.
    const page = await Deno.readTextFile(`${checkout}/docs/learn/schedules.md`);
    const [schedules] = blocksOf("docs/learn/schedules.md", page).filter(({ language }) =>
      language === "ts"
    );
    const greet = app.get("contracts.ts")!.replace(/^import .*$/m, "");
    await Deno.writeTextFile(`${folder}/contracts.ts`, schedules!.text + greet);
    await eventually("the schedule of the app", async () => {
      const list = await fetch(`${own.url}/v1/schedules`).then((answer) => answer.text(), () => "");
      return list.includes("nightly-report");
    });
  });
});
