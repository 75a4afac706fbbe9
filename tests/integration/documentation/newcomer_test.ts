/** The README and the tutorial, followed from an empty folder with an empty cache; and the examples of docs/learn/workflows.md. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
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
  const textOf = (page: string) => Deno.readTextFile(`${checkout}/${page}`);
  const readme = await textOf("README.md");
  const tutorial = await textOf("docs/start/tutorial.md");
  const shown = [...commandsOf("", readme), ...commandsOf("", tutorial)].map(({ text }) => text);
  assertEquals(Object.values<string>(BY_NEWCOMER).filter((text) => !shown.includes(text)), []);

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
    return { url, process, printed: /^ *(curl .*)$/m.exec(process.output)?.[1] };
  };

  // "(with Deno 2.9, type `deno` instead of `npx --yes deno@2.9`)"
  const { start } = BY_NEWCOMER;
  const command = await hasProgram("npx") ? start : start.replace("npx --yes deno@2.9", "deno");
  const { url, printed } = await launch(command, checkout);

  await t.step("the command printed by dev returns the result", async () => {
    const { state, result } = JSON.parse(await run("sh", ["-c", printed!]));
    assertEquals({ state, result }, { state: "SUCCESS", result: 5 });
    const reference = await (await fetch(`${url}/docs`)).text();
    for (const task of ["text.statistics", "csv.summary", "image.thumbnail", "total"]) {
      assertStringIncludes(reference, task);
    }
  });

  const blocks = blocksOf("docs/learn/workflows.md", await textOf("docs/learn/workflows.md"));

  await t.step("the workflows of docs/learn/workflows.md end as documented", async () => {
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

  const shop = `${parent}/shop`;
  const sh = (text: string, variables: Record<string, string> = {}) =>
    run("sh", ["-c", text], {
      cwd: shop,
      env: { ...env, ...variables },
      timeoutMs: FIRST_START_MS,
    });

  await t.step("the tutorial works as written", async () => {
    await run("sh", ["-c", BY_NEWCOMER.init], { cwd: checkout, env, timeoutMs: FIRST_START_MS });
    await sh("deno task test");
    const own = await launch(BY_NEWCOMER.dev, shop);
    const call = (text: string) => sh(text, { CELERIAC_URL: own.url });
    assertEquals((await call(BY_NEWCOMER.greet)).trim(), '"Hello, world!"');

    const sections = tutorial.split(/^## /m);
    const write = async (step: number) => {
      for (const { language, text } of blocksOf("", sections[step]!)) {
        const [, name] = /^\/\/ (\w+\.ts)$/m.exec(text) ?? [];
        if (language !== "ts") continue;
        await Deno.writeTextFile(`${shop}/${name}`, text.replace("http://127.0.0.1:8000", own.url));
      }
    };
    const starts = () => own.process.output.split("ready at").length;
    const reload = async (step: number) => {
      const before = starts();
      await write(step);
      await eventually("dev loads the files", () => starts() > before);
    };
    /** While `dev` reloads, it does not answer. */
    const total = () => call(BY_NEWCOMER.total).then((text) => text.trim(), () => undefined);

    await reload(3);
    assertEquals(await eventually("the new task", total), "12.5");
    const message = /^celeriac: (422 .*)$/m.exec(sections[3]!)?.[1] ?? "";
    const { message: rejection } = await assertRejects(() => call(BY_NEWCOMER.invalid), Error);
    assertStringIncludes(rejection, message);

    await reload(4);
    const retried = /orders\.total\[.*\] failed, next attempt in .*: Error\('The tax service .*'\)/;
    await eventually("the retry", async () => {
      const result = await total();
      return result === "12.5" && retried.test(own.process.output);
    });

    await write(5);
    assertEquals((await sh(BY_NEWCOMER.program)).trim(), "SUCCESS 12.5");
    const program = await Deno.readTextFile(`${shop}/call.ts`);
    await Deno.writeTextFile(`${shop}/call.ts`, program.replace("prices:", "price:"));
    await assertRejects(() => sh(BY_NEWCOMER.program), Error, "does not exist in type");

    await write(6);
    await Deno.remove(`${shop}/call.ts`);
    assertMatch(await sh("deno task test"), /\b3 passed/);

    // docs/learn/schedules.md adds schedules to the same module.
    const [schedules] = blocksOf("", await textOf("docs/learn/schedules.md"))
      .filter(({ language }) => language === "ts");
    const contracts = await Deno.readTextFile(`${shop}/contracts.ts`);
    await Deno.writeTextFile(
      `${shop}/contracts.ts`,
      schedules!.text + contracts.replace(/^import .*$/m, ""),
    );
    await eventually("the schedule of the app", async () => {
      const list = await fetch(`${own.url}/v1/schedules`).then((answer) => answer.text(), () => "");
      return list.includes("nightly-report");
    });
  });

  await t.step("the README's own modules pass their test", async () => {
    for (const [name, text] of await readmeApp()) await Deno.writeTextFile(`${shop}/${name}`, text);
    assertMatch(await sh("deno task test"), /\b1 passed/);
  });
});
