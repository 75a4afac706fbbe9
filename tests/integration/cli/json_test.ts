/** `--json` of the commands that use a broker or a database, as real processes. */
import { assert, assertEquals } from "@std/assert";
import { freshPipeline } from "../../support/pipeline.ts";
import { unprovisioned } from "../../support/provisioned.ts";
import { checkout, startWorker } from "../../support/roles.ts";
import { Process } from "../../support/process.ts";
import { freshDatabase } from "../../support/servers.ts";
import { projectUser } from "../../../cli/rabbitmq/users.ts";
import { passwordVariable } from "../../../cli/rabbitmq/secrets.ts";

/** Runs a command with `--json`. */
async function json(args: readonly string[], env: Readonly<Record<string, string>>) {
  const all = ["run", "-A", `${checkout}cli.ts`, ...args, "--json"];
  await using process = Process.start(Deno.execPath(), all, { env: { ...env, NO_COLOR: "1" } });
  const { code } = await process.exit({ timeoutMs: 60_000 });
  assert(process.stdout !== "", process.output);
  return { code, value: JSON.parse(process.stdout) };
}

Deno.test("migrate --json prints the applied migrations", async () => {
  await using database = await freshDatabase();
  const env = { DATABASE_URL: database.url };
  const first = await json(["migrate"], env);
  assertEquals(first.code, 0);
  assertEquals(first.value.applied[0], { version: 1, name: "task" });
  assertEquals([first.value.app, first.value.django], [[], null]);
  const second = await json(["migrate"], env);
  assertEquals([second.code, second.value.applied], [0, []]);
});

Deno.test("definitions --json prints definitions and differences", async () => {
  await using fixture = unprovisioned([]);
  const user = fixture.users.at(-1)!;
  const env = {
    MANAGEMENT_URL: fixture.managementUrl,
    [passwordVariable(projectUser(user.name))]: crypto.randomUUID(),
  };
  const run = (action: string) =>
    json(["definitions", action, `--vhost=${fixture.vhost}`, `--user=${user.name}`], env);
  for (const action of ["template", "render"]) {
    assertEquals((await run(action)).value.vhosts[0].name, fixture.vhost);
  }
  const before = await run("diff");
  assertEquals(before.code, 1);
  const vhost = `vhost '${fixture.vhost}'`;
  const isMissing = (one: { kind: string; object: string }) =>
    one.kind === "missing" && one.object === vhost;
  assert(before.value.some(isMissing), JSON.stringify(before.value));
  const { value, code } = await run("apply");
  assertEquals([code, value.left], [0, []]);
  assert(value.changed.some(isMissing));
  assertEquals((await run("diff")).code, 0);
});

Deno.test("inspect and control print JSON with --json too", async () => {
  await using pipeline = await freshPipeline();
  await using _worker = await startWorker(pipeline);
  const env = { AMQP_URL: pipeline.vhost.url };
  for (const args of [["inspect", "ping"], ["control", "heartbeat"]]) {
    const { value } = await json([...args, "--timeout=2"], env);
    assertEquals(typeof value, "object", args.join(" "));
  }
});
