import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { appFolder } from "../../support/app_folder.ts";
import { eventually } from "../../support/eventually.ts";
import { Process, run } from "../../support/process.ts";

const contracts = `
import { defineTask, z } from "@celeriac/celeriac";

export const greet = defineTask({
  name: "greet",
  input: z.object({ who: z.string().regex(/^[A-Z]\\w+$/), times: z.int().min(2) }),
});
export const version = defineTask({ name: "version", input: z.object({}) });
export const slow = defineTask({ name: "slow", input: z.object({}) });
`;

const handlers = `
import { handle } from "@celeriac/celeriac/worker";
import { greet, slow, version } from "./contracts.ts";
import { number } from "./number.ts";

export const greetHandler = handle(greet, ({ who, times }) => who.repeat(times));
export const versionHandler = handle(version, () => ({ number, pid: Deno.pid }));
export const slowHandler = handle(slow, async () => {
  if (number === 1) await new Promise((resolve) => setTimeout(resolve, 300_000));
  return number;
});
`;

/** A path with difficult characters: a space, letters beyond ASCII, a comma, a percent sign. */
const NAME = "Süße Äpp, 50%20";

function startDev(
  folder: string,
  stack: AsyncDisposableStack,
  flags: readonly string[] = [],
): Process {
  const args = ["run", "-A", "@celeriac/celeriac/cli", "dev", ...flags];
  return stack.use(Process.start(Deno.execPath(), args, {
    cwd: folder,
    env: { PORT: "0", NO_COLOR: "1" },
  }));
}

/** Waits until it has printed its first steps, and returns its URL and the line to paste. */
async function ready(dev: Process): Promise<{ url: string; curl: string }> {
  const lines = /ready at (http:\S+)[^]*?^ *(curl .*)\n/m;
  const [, url = "", curl = ""] = await dev.said(lines, { timeoutMs: 180_000 });
  return { url, curl };
}

async function submit(
  { url, task, wait = 5 }: { url: string; task: string; wait?: number },
): Promise<{ id: string; result: unknown }> {
  const answer = await fetch(`${url}/v1/tasks/${task}`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: `wait=${wait}` },
    body: "{}",
  });
  return await answer.json();
}

function isAlive(pid: number): boolean {
  return new Deno.Command("kill", { args: ["-0", String(pid)], stderr: "null" })
    .outputSync().success;
}

Deno.test("cli dev reloads the app, keeps the last good version, and loses nothing", async () => {
  await using stack = new AsyncDisposableStack();
  const { folder } = stack.use(
    await appFolder({
      "contracts.ts": contracts,
      "handlers.ts": handlers,
      "number.ts": "export const number: number = 1;",
    }, NAME),
  );
  const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
  const dev = startDev(folder, stack);
  const { url, curl } = await ready(dev);
  assertEquals(JSON.parse(await run("sh", ["-c", curl])).state, "SUCCESS", curl);
  const first = await submit({ url, task: "version" });
  const { id } = await submit({ url, task: "slow", wait: 0 });

  const mistakes: [file: string, text: string, said: RegExp][] = [
    ["number.ts", "export const number: number = ;", /number\.ts:1:31/],
    [
      "number.ts",
      "export const number: number = 1;\nthrow new RangeError('no number today');",
      /no number today/,
    ],
    [
      "contracts.ts",
      `${contracts}export const again = defineTask({ name: "slow", input: z.object({}) });`,
      /another contract has that name/,
    ],
  ];
  for (const [file, text, said] of mistakes) {
    const before = dev.output.length;
    await write(file, text);
    await dev.said(new RegExp(`[^]{${before},}${said.source}[^]*loaded last keeps running`), {
      timeoutMs: 180_000,
    });
    const { result } = await submit({ url, task: "version" });
    assertEquals(result, first.result);
  }
  await write("contracts.ts", contracts);
  await write("number.ts", "export const number: number = 2;");
  const record = await eventually("the success of a task that was running", async () => {
    // No server listens between the two versions.
    const answer = await fetch(`${url}/v1/tasks/${id}`).catch(() => undefined);
    const found = await answer?.json();
    return found?.state === "SUCCESS" && found;
  });
  assertEquals(record.result, 2);
  const kept = await (await fetch(`${url}/v1/tasks/${first.id}`)).json();
  assertEquals(kept.result, first.result);
  dev.kill("SIGTERM");
  assertEquals((await dev.exit()).code, 0, dev.output);
});

Deno.test("cli dev ends with the exit code of the app, and leaves no process behind when killed", async () => {
  await using stack = new AsyncDisposableStack();
  const { folder } = stack.use(
    await appFolder({
      "contracts.ts": contracts,
      "handlers.ts": handlers.replace("number === 1", "number === 3"),
      "number.ts": "export const number: number = 'three",
    }),
  );
  const flags = ["--contracts=./contracts.ts", "--handlers=./handlers.ts"];
  const broken = startDev(folder, stack, flags);
  assertEquals((await broken.exit()).code, 2, broken.output);
  assertStringIncludes(broken.output, "number.ts:1");

  await Deno.writeTextFile(`${folder}/number.ts`, "export const number = 4;");
  const dev = startDev(folder, stack, flags);
  const { url } = await ready(dev);
  const { result } = await submit({ url, task: "version" });
  const { pid } = result as { pid: number };
  assert(pid !== dev.pid && isAlive(pid));
  dev.kill("SIGKILL");
  await dev.exit();
  await eventually("the end of the app's process", () => !isAlive(pid));
});
