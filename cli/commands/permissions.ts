/** `cli.ts permissions`: print exactly the Deno flags that a role needs. */
import { resolve } from "node:path";
import { parseAmqpUrls } from "../../shared/broker/amqp/address.ts";
import { loadConfig, parseFlags } from "../../shared/config/config.ts";
import { ConfigurationError } from "../../shared/errors.ts";
import { closest } from "../../shared/text/closest.ts";
import { brokerUsers } from "../rabbitmq/users.ts";
import { passwordVariables } from "../rabbitmq/secrets.ts";
import type { GRANTS } from "../../shared/contracts/permissions.ts";
import { type Config, type Role, settingsOf } from "../../shared/config/settings.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { CHILD_VARIABLES, hasFolder } from "../../workers/sandbox/permissions.ts";
import { SHELL } from "../../workers/sandbox/process_monitor.ts";
import { loadRegistry, modulesOf } from "../app.ts";
import { type Command, ownFlags } from "../command.ts";
import { appFolder, appFolders, packages, pglite } from "../permissions/app_folders.ts";
import { databasePermissions } from "../permissions/database_permissions.ts";
import { EXIT } from "../exit.ts";
import { libpqVariable } from "../permissions/libpq_variable.ts";
import { pathEntry } from "../permissions/permission_path.ts";
import { printJson } from "../terminal/print.ts";

/** Variables that libraries read, in addition to our settings: libpq's, and those of Node's modules and lru-cache. */
const LIBRARY_ENV = [
  "PG*",
  "USER",
  "USERNAME",
  "NODE_DEBUG",
  "READABLE_STREAM",
  "LRU_CACHE_IGNORE_AC_WARNING",
];

/** The roles that connect to Postgres. */
const DATABASE_ROLES: readonly Role[] = ["api", "worker", "beat", "migrate"];

/** Prints flags for `deno run`. */
export const permissions: Command = {
  summary: "print the Deno permission flags that a command needs",
  usage: "[--json] COMMAND [ITS FLAGS]",
  details: [
    "Prints the flags to put between `deno run` and `cli.ts COMMAND`, for the current settings, one per line:",
    "",
    "  deno run $(deno run -A cli.ts permissions worker --sample) cli.ts worker --sample",
    "",
    "`start COMMAND` starts the command with them, even if a path contains spaces.",
  ].join("\n"),
  flags: { json: { help: "print the flags as a JSON array; give it before COMMAND" } },
  verbatim: true,
  async run({ rest, peers }) {
    const isJson = rest[0] === "--json";
    const [name = "", ...args] = isJson ? rest.slice(1) : rest;
    const print = (flags: string[]) => isJson ? printJson(flags) : console.log(flags.join("\n"));
    const names = [...peers?.keys() ?? []].filter((other) => other !== "permissions");
    const command = names.includes(name) ? await peers?.get(name)?.() : undefined;
    if (!command) {
      const near = closest(name, names);
      throw new ConfigurationError(
        `Cannot print the permissions of '${name}' because there is no such command: ${
          near ? `did you mean '${near}'?` : `choose from ${names.join(", ")}`
        }`,
      );
    }
    const { role } = command;
    const { flags, own } = parseFlags(role, args, ownFlags(command));
    if (role === undefined) {
      print(fileFlags(own));
      return EXIT.done;
    }
    const config = loadConfig(role, { flags });
    const contracts = role === "worker" || role === "dev"
      ? await withoutOutput(() => loadRegistry(modulesOf(config, role)))
      : [];
    print(permissionFlags(role, config, own, contracts));
    return EXIT.done;
  },
};

/** Loads modules of the app; their output goes to standard error, because standard output is for the flags. */
async function withoutOutput<Loaded>(load: () => Promise<Loaded>): Promise<Loaded> {
  const { log, info, debug, error } = console;
  Object.assign(console, { log: error, info: error, debug: error });
  try {
    return await load();
  } finally {
    Object.assign(console, { log, info, debug });
  }
}

/** Flags of a command without settings: access to the files that its flags name. */
export function fileFlags({ ca, folder }: Readonly<Record<string, string>>): string[] {
  const read = [folder, ca].flatMap((path) => path === undefined ? [] : resolve(path));
  const write = folder === undefined ? [] : [resolve(folder)];
  return [
    "--no-prompt",
    ...(read.length ? [`--allow-read=${paths(read)}`] : []),
    ...(write.length ? [`--allow-write=${paths(write)}`] : []),
  ];
}

/** Distinct flags of a role.
 *
 * @param own flags of the command itself
 * @param contracts the tasks that the role runs: a worker needs what inline handlers may access. Of the others it
 *   needs what is only read (`env`, `read`, `sys`), because it loads their modules too */
export function permissionFlags(
  role: Role,
  config: Config,
  own: Readonly<Record<string, string>> = {},
  contracts: Iterable<TaskContract> = [],
): string[] {
  const tasks = [...contracts];
  const inline = tasks.filter(({ run }) => run === "inline");
  const declared = (among: readonly TaskContract[], kind: typeof GRANTS[number]) =>
    among.flatMap(({ permissions }) => permissions[kind]).filter((entry) => entry !== ".");
  const database = DATABASE_ROLES.includes(role)
    ? databasePermissions(config.databaseUrl, libpqVariable)
    : undefined;
  const net = unique([
    ...hosts(role, config),
    ...database?.net ?? [],
    ...declared(inline, "net"),
  ]);
  const scratch = tasks.some(({ permissions }) => hasFolder(permissions))
    ? [config.sandboxFolder]
    : [];
  const read = unique([
    ...folders(role, config),
    ...secretFiles(role),
    ...database?.read ?? [],
    ...scratch,
    ...declared(tasks, "read"),
  ]);
  const write = [
    ...(role === "dev" && !config.ephemeral ? [resolve(config.data)] : []),
    ...(own.out ? [resolve(own.out)] : []),
    ...scratch,
    ...database?.write ?? [],
    ...declared(inline, "write"),
  ];
  // Without it Deno aborts the signal of a successful request, too, and prints a long warning.
  const flags = [
    "--no-prompt",
    "--unstable-no-legacy-abort",
    `--allow-env=${
      unique([...variables(role), ...database?.env ?? [], ...declared(tasks, "env")]).join(",")
    }`,
  ];
  if (net.length) flags.push(`--allow-net=${net.join(",")}`);
  if (read.length) flags.push(`--allow-read=${paths(read)}`);
  if (write.length) flags.push(`--allow-write=${paths(unique(write))}`);
  if (["api", "beat"].includes(role)) flags.push("--allow-sys=hostname");
  if (["worker", "dev"].includes(role)) {
    const priority = tasks.some(({ sandbox }) => sandbox.nice > 0) ? ["setPriority"] : [];
    const sys = unique(["hostname", "loadavg", ...priority, ...declared(tasks, "sys")]);
    flags.push(`--allow-sys=${sys.join(",")}`);
  }
  if (["worker", "dev"].includes(role)) flags.push(`--allow-run=${Deno.execPath()},${SHELL}`);
  return flags;
}

function unique(entries: readonly string[]): string[] {
  return [...new Set(entries)];
}

function paths(entries: readonly string[]): string {
  return entries.map((entry) => pathEntry(entry, Deno.cwd())).join(",");
}

function variables(role: Role): string[] {
  const own = settingsOf(role).flatMap(([, { env, secret }]) =>
    secret ? [env, `${env}_FILE`] : [env]
  );
  const broker = role === "definitions" ? brokerUsers().flatMap(passwordVariables) : [];
  const child = role === "worker" || role === "dev" ? CHILD_VARIABLES : [];
  return [
    ...own,
    ...child,
    ...broker,
    ...LIBRARY_ENV,
  ];
}

/** Files that hold secrets, as the environment names them. */
function secretFiles(role: Role): string[] {
  return variables(role)
    .filter((name) => name.endsWith("_FILE"))
    .flatMap((name) => Deno.env.get(name) || []);
}

function hosts(role: Role, config: Config): string[] {
  const of = (url: string, port: number) => {
    const { hostname, port: given } = new URL(url);
    return `${hostname}:${given || port}`;
  };
  const amqp = parseAmqpUrls(config.amqpUrl).map(({ hostname, port }) =>
    `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`
  );
  switch (role) {
    case "api":
      return [
        `${config.host}:${config.port}`,
        ...(config.healthPort > 0 ? [`${config.host}:${config.healthPort}`] : []),
        ...amqp,
        ...[config.jwtIssuer, config.jwtJwks].flatMap((url) =>
          url === undefined ? [] : [of(url, httpPort(url))]
        ),
      ];
    case "worker":
    case "beat":
      return [`${config.host}:${config.healthPort}`, ...amqp];
    case "dev":
      return [`${config.host}:${config.port}`];
    case "inspect":
      return amqp;
    case "migrate":
      return [];
    case "definitions":
      return [of(config.managementUrl, httpPort(config.managementUrl))];
    case "call":
    case "result":
    case "tasks":
    case "schedules":
    case "events":
    case "subscriptions":
    case "pause":
    case "dead":
    case "key":
      return [of(config.url, httpPort(config.url))];
  }
}

function httpPort(url: string): number {
  return url.startsWith("https:") ? 443 : 80;
}

/** Folders of the app, as its modules are imported by name at run time, and the embedded database with what it is made of. */
function folders(role: Role, config: Config): string[] {
  const modules = () => modulesOf(config, role);
  // Modules that are named at run time import ours, which in a linked checkout are files like any other.
  const ours = appFolder(import.meta.url);
  const migrations = config.migrations === undefined ? [] : [resolve(config.migrations)];
  switch (role) {
    case "api":
    case "beat":
    case "tasks":
      return [...appFolder(modules().contracts), ...ours];
    case "worker":
      return [...appFolders(modules()), ...ours, ...packages(config)];
    case "dev":
      return [
        ...appFolders(modules()),
        ...ours,
        resolve(config.data),
        Deno.cwd(),
        ...migrations,
        ...packages(config),
        ...pglite(),
      ];
    case "migrate":
      return migrations;
    case "call":
    case "events":
    case "schedules":
      return [Deno.cwd()];
    case "definitions":
      return [Deno.cwd(), ...(config.contracts ? appFolder(modules().contracts) : [])];
    default:
      return [];
  }
}
