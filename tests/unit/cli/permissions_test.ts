import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { resolve } from "node:path";
import config from "../../../deno.json" with { type: "json" };
import { COMMANDS } from "../../../cli/commands.ts";
import { appTemplate } from "../../../cli/init/app_template.ts";
import { fileFlags, permissionFlags } from "../../../cli/commands/permissions.ts";
import { loadConfig } from "../../../shared/config/config.ts";
import { defineTask, type PermissionsDefinition, z } from "../../../shared/mod.ts";
import type { Role } from "../../../shared/config/settings.ts";
import { Process } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";
import type { TaskContract } from "../../../shared/contracts/task.ts";
import type { RunPlace } from "../../../shared/contracts/task_definition.ts";

function granted(
  kind: string,
  role: Role,
  variables: Record<string, string> = {},
  contracts: readonly TaskContract[] = [],
): string[] {
  const env = (name: string) => ({ CELERIAC_SAMPLE: "1", ...variables })[name];
  const config = loadConfig(role, { flags: {}, env });
  const prefix = `--allow-${kind}=`;
  const flags = permissionFlags(role, config, {}, contracts);
  return flags.find((one) => one.startsWith(prefix))?.slice(prefix.length).split(",") ?? [];
}

function net(role: Role, variables: Record<string, string>): string[] {
  return granted("net", role, variables);
}

function permitted(name: string, run: RunPlace, permissions: PermissionsDefinition): TaskContract {
  return defineTask({ name, input: z.object({}), run, permissions });
}

Deno.test("permissionFlags() allows a worker to connect to its servers", () => {
  const variables = {
    HOST: "0.0.0.0",
    HEALTH_PORT: "9000",
    AMQP_URL: "amqps://u:p@rabbit/shop",
    DATABASE_URL: "postgres://u:p@db/shop",
  };
  assertEquals(net("worker", variables), [
    "0.0.0.0:9000",
    "rabbit:5671",
    "db:5432",
  ]);
  assertEquals(net("beat", variables), ["0.0.0.0:9000", "rabbit:5671", "db:5432"]);
});

Deno.test("permissionFlags() allows an API to read the keys of a JWT issuer, if set", () => {
  const hosts = net("api", {
    CELERIAC_JWT_ISSUER: "https://issuer.example",
    CELERIAC_JWT_JWKS: "http://keys.example:8080/jwks",
  });
  assertEquals(hosts.slice(-3), [
    "issuer.example:443",
    "keys.example:8080",
    "127.0.0.1:5432",
  ]);
});

Deno.test("permissionFlags() allows an API to listen on its health port, if set", () => {
  const servers = ["127.0.0.1:5672", "127.0.0.1:5432"];
  assertEquals(net("api", { HEALTH_PORT: "9000" }), [
    "127.0.0.1:8000",
    "127.0.0.1:9000",
    ...servers,
  ]);
  assertEquals(net("api", {}), ["127.0.0.1:8000", ...servers]);
});

Deno.test("permissionFlags() allows definitions to connect to the management API on the port of its URL", () => {
  const at = (url: string) => net("definitions", { MANAGEMENT_URL: url });
  assertEquals(at("https://u:p@rabbit.example.com"), ["rabbit.example.com:443"]);
  assertEquals(at("http://u:p@rabbit.example.com"), ["rabbit.example.com:80"]);
  assertEquals(at("http://u:p@rabbit:15672"), ["rabbit:15672"]);
});

Deno.test("permissionFlags() allows a role to open the socket and the files in DATABASE_URL", () => {
  const socket = "/run/postgresql/.s.PGSQL.5432";
  const local = { DATABASE_URL: "postgres:///shop?host=/run/postgresql&user=u&password=p" };
  assertEquals(granted("net", "migrate", local), [`unix:${socket}`]);
  assertEquals(granted("read", "migrate", local), [socket]);
  assertEquals(granted("write", "migrate", local), [socket]);
  const remote = {
    DATABASE_URL: "postgres://u@[::1]/shop?sslrootcert=/srv/ca.pem&passfile=/srv/passwords",
  };
  assertEquals(granted("net", "migrate", remote), ["[::1]:5432"]);
  assertEquals(granted("read", "migrate", remote), ["/srv/ca.pem", "/srv/passwords"]);
});

/** The values of each `--allow-KIND` flag; none where everything of the kind is allowed. */
function values(flags: readonly string[]): Map<string, string[]> {
  return new Map(
    flags.flatMap((flag) => {
      const [, kind, values] = /^--allow-(\w+)(?:=(.*))?$/.exec(flag) ?? [];
      return kind === undefined ? [] : [[kind, values?.split(",") ?? []]];
    }),
  );
}

/** The flags of a task in deno.json, with its `$(...)` replaced by what those print. */
function taskFlags(command: string): string[] {
  return command
    .replaceAll("$(deno eval -p 'Deno.execPath()')", Deno.execPath())
    .split(" ");
}

const covers: Readonly<Record<string, (held: string, wanted: string) => boolean>> = {
  env: (held, wanted) =>
    held.endsWith("*") ? wanted.startsWith(held.slice(0, -1)) : held === wanted,
  read: (held, wanted) => `${resolve(checkout, wanted)}/`.startsWith(`${resolve(checkout, held)}/`),
  write: (held, wanted) => resolve(checkout, held) === resolve(checkout, wanted),
};

for (const role of ["api", "worker", "beat", "migrate", "definitions"] as const) {
  Deno.test(`deno task ${role} grants every permission that the role needs, and no variable beyond`, () => {
    const settings = loadConfig(role, { flags: { sample: "1" }, env: () => undefined });
    const needed = values(permissionFlags(role, settings));
    const held = values(taskFlags(config.tasks[role]));
    const lacking = [...needed].flatMap(([kind, values]) => {
      const given = held.get(kind);
      const covered = covers[kind] ?? ((one, other) => one === other);
      return values
        .filter((wanted) => given?.length !== 0 && !given?.some((one) => covered(one, wanted)))
        .map((wanted) => `--allow-${kind}=${wanted}`);
    });
    assertEquals(lacking, []);
    const variables = needed.get("env") ?? [];
    const beyond = held.get("env")?.filter((one) =>
      !variables.some((name) => covers.env!(one, name) || one === name)
    );
    assertEquals(beyond, []);
    assertMatch(config.tasks[role], new RegExp(` cli.ts ${role}( --sample)?$`));
  });
}

Deno.test("fileFlags() grants the files that the command's own flags name", () => {
  assertEquals(fileFlags({}), ["--no-prompt"]);
  assertEquals(fileFlags({ folder: "/srv/secrets", ca: "/srv/ca.pem" }), [
    "--no-prompt",
    "--allow-read=/srv/secrets,/srv/ca.pem",
    "--allow-write=/srv/secrets",
  ]);
});

Deno.test("a command that Deno denies a permission names the command that prints its flags", async () => {
  const folder = await Deno.makeTempDir();
  const start = (flags: readonly string[], args: readonly string[]) =>
    Process.start(Deno.execPath(), ["run", ...flags, `${checkout}cli.ts`, ...args], {
      env: { NO_COLOR: "1" },
    });
  const secrets = ["secrets", `--folder=${folder}/new`];
  await using denied = start(["--no-prompt"], secrets);
  assertEquals((await denied.exit()).code, 2);
  assertStringIncludes(denied.output, "`deno task cli permissions secrets` prints");
  await using asked = start(["-A"], ["permissions", ...secrets]);
  await asked.exit();
  await using allowed = start(asked.stdout.trim().split("\n"), secrets);
  assertEquals((await allowed.exit()).code, 0, allowed.output);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("permissions supports every command except itself", async () => {
  const permissions = await COMMANDS.get("permissions")!();
  const print = console.log;
  const lines: string[] = [];
  console.log = (line: string) => lines.push(line);
  try {
    const others = [...COMMANDS.keys()].filter((name) => name !== "permissions");
    for (const name of others) {
      const app = ["api", "worker", "beat", "tasks"].includes(name) ? ["--sample"] : [];
      assertEquals(
        await permissions.run({
          config: undefined,
          own: {},
          rest: [name, ...app],
          args: [name, ...app],
          peers: COMMANDS,
        }),
        0,
      );
    }
    assertEquals(lines.filter((line) => line.startsWith("--no-prompt")).length, others.length);
  } finally {
    console.log = print;
  }
});
Deno.test("permissionFlags() grants a worker the permissions that its inline handlers declare", () => {
  const contracts = [
    permitted("a", "inline", {
      net: ["api.example.com:443", "[::1]:80"],
      read: ["/srv/templates"],
      write: ["/srv/out"],
      env: ["SHOP_URL"],
      sys: ["cpus"],
    }),
    permitted("b", "inline", { env: ["SHOP_URL"] }),
  ];
  for (const role of ["worker", "dev"] as const) {
    const all = (kind: string) => granted(kind, role, {}, contracts);
    const has = (kind: string, entry: string) =>
      assertEquals(all(kind).filter((one) => one === entry), [entry], `${role} ${kind}`);
    has("net", "api.example.com:443");
    has("net", "[::1]:80");
    has("read", "/srv/templates");
    has("write", "/srv/out");
    has("env", "SHOP_URL");
    has("sys", "cpus");
  }
});

Deno.test("permissionFlags() grants a worker only the read and env permissions of its child processes", () => {
  const child = permitted("a", "process", {
    net: ["api.example.com"],
    read: [".", "/srv/fonts"],
    write: [".", "/srv/out"],
    env: ["API_KEY"],
    sys: ["cpus"],
    ffi: true,
  });
  const all = (kind: string) => granted(kind, "worker", {}, [child]);
  assertEquals(all("net").includes("api.example.com"), false);
  assertEquals(all("write"), ["/tmp/celeriac"]); // where its own folder is made
  assertEquals(all("ffi"), []);
  assertEquals(all("read").includes("/srv/fonts"), true);
  assertEquals(all("env").includes("API_KEY"), true);
  assertEquals(all("sys"), ["hostname", "loadavg", "cpus"]);
});

Deno.test("no task that keeps running has every permission", () => {
  const app = JSON.parse(appTemplate(undefined)["deno.json"]!) as typeof config;
  for (const { tasks } of [config, app]) {
    for (const name of ["dev", "api", "worker", "beat"] as const) {
      assertEquals(/ (-A|--allow-all|--allow-run) /.test(tasks[name]), false, tasks[name]);
    }
  }
});
