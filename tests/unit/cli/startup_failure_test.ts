import { assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freePorts } from "../../support/ports.ts";
import { Process } from "../../support/process.ts";
import { checkout, testApp } from "../../support/roles.ts";

const wrong = [
  { role: "worker", args: ["worker"], env: { ...testApp, CELERIAC_HANDLERS: "/nowhere.ts" } },
  { role: "beat", args: ["beat"], env: { CELERIAC_CONTRACTS: "/nowhere.ts" } },
  { role: "api", args: ["api"], env: { CELERIAC_CONTRACTS: "/nowhere.ts" } },
  { role: "api", args: ["permissions", "api"], env: { ...testApp, DATABASE_URL_FILE: "/nowhere" } },
] as const;

for (const { role, args, env } of wrong) {
  Deno.test(`${args.join(" ")} serves its startup error to probes until it is stopped, if configured`, async () => {
    const port = String(freePorts(1)[0]);
    const command = ["run", "-A", `${checkout}cli.ts`, ...args];
    await using process = Process.start(Deno.execPath(), command, {
      env: {
        ...env,
        PORT: port,
        HEALTH_PORT: port,
        CELERIAC_STARTUP_ERROR_SECONDS: "60",
        NO_COLOR: "1",
      },
    });
    const url = `http://127.0.0.1:${port}`;
    const answer = await eventually(`the ${role}'s readiness`, async () => {
      return await fetch(`${url}/readyz`).catch(() => undefined);
    });
    const { checks: { configuration } } = await answer.json();
    assertEquals([answer.status, configuration.ok, configuration.state], [503, false, "wrong"]);
    assertStringIncludes(configuration.reason, "/nowhere");
    assertStringIncludes(process.output, configuration.reason);
    const live = await fetch(`${url}/livez`);
    await live.body?.cancel();
    assertEquals(live.status, 200);
    process.kill("SIGTERM");
    assertEquals((await process.exit()).code, 2);
  });
}

Deno.test("permissions waits for a secret file, reports this to probes, and prints the flags when it exists", async () => {
  await using folder = await emptyFolder();
  const file = `${folder.path}/url`;
  const port = String(freePorts(1)[0]);
  await using process = explaining(["permissions", "worker"], {
    ...testApp,
    DATABASE_URL_FILE: file,
    HEALTH_PORT: port,
  });
  const answer = await eventually("the readiness", async () => {
    return await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
  });
  assertStringIncludes(await answer.text(), "deno task secrets");
  await process.said(/Cannot read .*url' because/);
  await new Promise((resolve) => setTimeout(resolve, 1500)); // longer than it would explain
  assertEquals(process.running, true);
  await Deno.writeTextFile(file, "postgres://there:1/shop");
  assertEquals((await process.exit()).code, 0);
  assertStringIncludes(process.stdout, "there:1");
});

Deno.test("a command without probes also waits for a secret file", async () => {
  await using folder = await emptyFolder();
  const file = `${folder.path}/url`;
  await using process = explaining(["migrate"], { DATABASE_URL_FILE: file });
  await process.said(/DATABASE_URL_FILE/);
  await Deno.writeTextFile(file, `postgres://127.0.0.1:${freePorts(1)[0]}/shop`);
  assertEquals((await process.exit()).code, 3, "nobody listens there");
});

function explaining(args: readonly string[], env: Record<string, string>): Process {
  return Process.start(Deno.execPath(), ["run", "-A", `${checkout}cli.ts`, ...args], {
    env: { ...env, CELERIAC_STARTUP_ERROR_SECONDS: "1", NO_COLOR: "1" },
  });
}

async function emptyFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("a role that cannot start exits immediately by default", async () => {
  const command = ["run", "-A", `${checkout}cli.ts`, "worker", "--handlers=/nowhere.ts"];
  await using process = Process.start(Deno.execPath(), command, {
    env: { ...testApp, NO_COLOR: "1" },
  });
  assertEquals((await process.exit()).code, 2);
  assertStringIncludes(process.output, "Cannot load handlers module");
});
