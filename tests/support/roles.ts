/** Starts roles as separate processes with exactly the permissions that `cli permissions` prints.
 * @module
 */
import { fileURLToPath } from "node:url";
import { Process, type ProcessOptions, run } from "./process.ts";

/** The checkout's folder, with a trailing slash. */
export const checkout: string = fileURLToPath(new URL("../../", import.meta.url));

/** Variables for a role that runs the test tasks. */
export const testApp: Readonly<Record<string, string>> = {
  CELERIAC_CONTRACTS: `${checkout}tests/app/contracts.ts`,
  CELERIAC_HANDLERS: `${checkout}tests/app/handlers.ts`,
  CELERIAC_UNKNOWN_TASK_WAIT: "0", // no other worker has other tasks
};

/** Variables for a role that runs the sample app. */
export const sampleApp: Readonly<Record<string, string>> = { CELERIAC_SAMPLE: "1" };

/** Options of a role. */
export interface RoleOptions extends Pick<ProcessOptions, "cwd"> {
  /** Variables added to those of this process. */
  env: Readonly<Record<string, string>>;
  /** Permissions in addition to those of the role. */
  permissions?: readonly string[];
}

/** Starts the API on a free port and waits until it is ready.
 *
 * @returns the process and the printed URL */
export async function startApi(options: RoleOptions): Promise<{ api: Process; url: string }> {
  const api = await startRole("api", { ...options, env: { PORT: "0", ...options.env } });
  const [, url = ""] = await ready(api, /ready at (http:\S+)/);
  return { api, url };
}

/** Starts a worker and waits until it consumes. */
export async function startWorker(options: RoleOptions): Promise<Process> {
  const worker = await startRole("worker", options);
  await ready(worker, /ready: consuming/);
  return worker;
}

/** Starts a beat and waits until it is ready.
 *
 * @returns the process and its health URL */
export async function startBeat(options: RoleOptions): Promise<{ beat: Process; health: string }> {
  const beat = await startRole("beat", options);
  const [, health = ""] = await ready(beat, /ready; health at (http:\S+)\/readyz/);
  return { beat, health };
}

/** Starts all roles in one process on a free port, and waits until they are ready.
 *
 * @returns the process and the printed URL */
export async function startDev(options: RoleOptions): Promise<{ dev: Process; url: string }> {
  const dev = await startRole("dev", { ...options, env: { PORT: "0", ...options.env } });
  const [, url = ""] = await ready(dev, /dev ready at (http:\S+)/);
  return { dev, url };
}

/** Starts a role without waiting until it is ready. */
export async function startRole(
  role: "api" | "beat" | "dev" | "worker",
  options: RoleOptions,
): Promise<Process> {
  const { env, cwd = checkout, permissions = [] } = options;
  const cli = `${checkout}cli.ts`;
  const environment = { HEALTH_PORT: "0", NO_COLOR: "1", ...env };
  const flags = await printedPermissions(role, environment, cwd);
  const args = ["run", ...flags.trim().split(/\s+/), ...permissions, cli, role];
  return Process.start(Deno.execPath(), args, { env: environment, cwd });
}

/** Cached output of `cli.ts permissions` by settings. */
const printed = new Map<string, Promise<string>>();

function printedPermissions(
  role: string,
  env: Record<string, string>,
  cwd: string,
): Promise<string> {
  const key = JSON.stringify([role, env, cwd]);
  const known = printed.get(key);
  if (known) return known;
  const command = ["run", "-A", `${checkout}cli.ts`, "permissions", role];
  const printing = run(Deno.execPath(), command, { env, cwd });
  printed.set(key, printing);
  printing.catch(() => printed.delete(key));
  return printing;
}

/** Migrates a database to the version of this checkout. */
export async function migrate(
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  await run(Deno.execPath(), ["run", "-A", `${checkout}cli.ts`, "migrate"], {
    env: { DATABASE_URL: databaseUrl, NO_COLOR: "1", ...env },
    cwd: checkout,
  });
}

async function ready(process: Process, line: RegExp): Promise<RegExpExecArray> {
  try {
    return await process.said(line, { timeoutMs: 60_000 });
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}
