import { assertEquals } from "@std/assert";
import { submit } from "../../support/pipeline.ts";
import { Process, run } from "../../support/process.ts";
import { checkout, testApp } from "../../support/roles.ts";

Deno.test("dev survives uncaught errors of its handlers", async () => {
  const cli = `${checkout}cli.ts`;
  const env = { ...testApp, PORT: "0", NO_COLOR: "1" };
  const flags = await run(Deno.execPath(), ["run", "-A", cli, "permissions", "dev"], { env });
  await using dev = Process.start(Deno.execPath(), [
    "run",
    ...flags.trim().split(/\s+/),
    cli,
    "dev",
    "--ephemeral",
  ], { env });
  const [, url = ""] = await dev.said(/ready at (http:\S+)/, { timeoutMs: 120_000 });
  const prefer = { prefer: "wait=20" };
  for (const name of ["test.uncaught", "test.uncaught_process"]) {
    const late = await submit(url, name, { kwargs: { late: true } }, prefer);
    const early = await submit(url, name, {}, prefer);
    assertEquals([late.state, early.state], ["SUCCESS", "FAILURE"], dev.output);
  }
  await dev.said(/test\.uncaught\[.* left an error uncaught after/);
  const after = await submit(url, "test.echo", { args: ["up"] }, prefer);
  assertEquals(after.result, "up");
  dev.kill("SIGTERM");
  assertEquals((await dev.exit()).code, 0, dev.output);
});
