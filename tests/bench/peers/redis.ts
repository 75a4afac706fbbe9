/** A private Redis for BullMQ, on the same disk as the other servers.
 * @module
 */
import { canInstall, installPackages } from "../../support/packages.ts";
import { freePorts } from "../../support/ports.ts";
import { Process, run } from "../../support/process.ts";
import { NoServer, untilUp } from "../../support/server.ts";

/** When Redis syncs its append-only file: each second, or before each answer. */
export type AppendSync = "everysec" | "always";

/** A running Redis. Disposing stops it and deletes its data. */
export interface Redis extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Runs one command and returns its output. */
  command(...args: string[]): Promise<string>;
}

/** Starts an empty server; installs it first if it is missing and this is possible.
 *
 * @param parent folder for its data
 * @throws {NoServer} if Redis is not installed and cannot be */
export async function startRedis(
  appendSync: AppendSync,
  parent: string,
  signal: AbortSignal,
): Promise<Redis> {
  await ensureInstalled(signal);
  const folder = await Deno.makeTempDir({ dir: parent, prefix: "redis-" });
  const [port = 0] = freePorts(1);
  const server = Process.start("redis-server", [
    ...["--bind", "127.0.0.1", "--port", `${port}`, "--dir", folder, "--save", ""],
    ...["--appendonly", "yes", "--appendfsync", appendSync],
  ]);
  const command = (...args: string[]) => run("redis-cli", ["-p", `${port}`, ...args]);
  const redis = {
    port,
    pid: server.pid,
    command,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
  try {
    await untilUp(server, () => command("ping"), { timeoutMs: 10_000, signal });
    return redis;
  } catch (error) {
    await redis[Symbol.asyncDispose]();
    throw error;
  }
}

async function ensureInstalled(signal: AbortSignal): Promise<void> {
  if (await isInstalled()) return;
  if (!await canInstall()) {
    throw new NoServer(
      "Cannot measure BullMQ because this machine has no redis-server: install it, " +
        "on Debian with: apt-get install redis-server",
    );
  }
  await installPackages(["redis-server"], signal);
}

async function isInstalled(): Promise<boolean> {
  return await run("redis-server", ["--version"]).then(() => true, () => false);
}
