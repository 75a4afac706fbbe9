import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Process, run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

const deno = Deno.execPath();

Deno.test("cli init writes an app that passes its test, starts and answers", async () => {
  await using stack = new AsyncDisposableStack();
  const parent = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(parent, { recursive: true }));
  const folder = `${await Deno.realPath(parent)}/Süße Äpp, 50%20`;
  const init = ["task", "-q", "cli", "init", folder];
  const written = await run(deno, init, { cwd: checkout, env: { NO_COLOR: "1" } });
  assertStringIncludes(written, `cd '${folder}'`);

  const options = { cwd: folder, env: { NO_COLOR: "1" } };
  await run(deno, ["fmt", "--check"], options);
  await run(deno, ["lint"], options);
  const tested = await run(deno, ["task", "test"], { ...options, timeoutMs: 120_000 });
  assertMatch(tested, /2 passed \| 0 failed/);

  const env = { PORT: "0", NO_COLOR: "1" };
  const dev = stack.use(Process.start(deno, ["task", "dev"], { cwd: folder, env }));
  const ready = /ready at (http:\S+)[^]*?^ *(curl .*)\n/m;
  const [, url = "", curl = ""] = await dev.said(ready, { timeoutMs: 180_000 });
  assertEquals(JSON.parse(await run("sh", ["-c", curl])).result, "Hello, world!");
  const called = await run(deno, ["task", "-q", "call", "greet", "who=Ada"], {
    cwd: folder,
    env: { CELERIAC_URL: url, NO_COLOR: "1" },
    timeoutMs: 60_000,
  });
  assertStringIncludes(called, "Hello, Ada!");
  dev.kill("SIGTERM");
  assertEquals((await dev.exit()).code, 0, dev.output);

  const contracts = await Deno.readTextFile(`${folder}/contracts.ts`);
  await Deno.writeTextFile(`${folder}/contracts.ts`, `${contracts}// mine\n`);
  await using again = Process.start(deno, init, { cwd: checkout, env: { NO_COLOR: "1" } });
  assertEquals((await again.exit()).code, 2);
  assertStringIncludes(again.output, "because it already contains contracts.ts, handlers.ts");
  assertMatch(await Deno.readTextFile(`${folder}/contracts.ts`), /\/\/ mine\n$/);
});
