/** Postgres for a test run: one that is named by a variable, or a private one.
 * @module
 */
import pg from "pg";
import { freePorts } from "./ports.ts";
import { Process, run } from "./process.ts";
import {
  folderWith,
  pathFolders,
  type Server,
  unreachable,
  untilUp,
  versionFolders,
} from "./server.ts";

/** The server of `DATABASE_URL`, or `undefined` when that is not set.
 *
 * @throws {NoServer} when it does not answer */
export async function namedPostgres(): Promise<Server | undefined> {
  const url = Deno.env.get("DATABASE_URL");
  if (!url) return undefined;
  const release = await releaseOf(url).catch((error) => {
    throw unreachable("DATABASE_URL", url, error);
  });
  return {
    description: `Postgres ${release} of DATABASE_URL at ${new URL(url).host}`,
    environment: { DATABASE_URL: url },
    stop: () => Promise.resolve(),
  };
}

/** The folder of Postgres' programs on this machine. */
export async function findPostgres(): Promise<string | undefined> {
  const configured = await run("pg_config", ["--bindir"]).catch(() => "");
  return await folderWith(["initdb", "postgres"], [
    configured.trim(),
    ...versionFolders("/usr/lib/postgresql", /^\d/, "bin"),
    ...versionFolders("/opt/homebrew/opt", /^postgresql/, "bin"),
    ...versionFolders("/usr/local/opt", /^postgresql/, "bin"),
    "/Applications/Postgres.app/Contents/Versions/latest/bin",
    ...pathFolders(),
  ]);
}

/** Starts a private server on a free loopback port. It forgoes syncing to disk: a test's data need not survive a power cut.
 *
 * @param programs folder of Postgres' programs
 * @param folder empty, absolute; holds all it writes */
export async function startPostgres(
  programs: string,
  folder: string,
  signal: AbortSignal,
): Promise<Server> {
  const [port] = freePorts(1);
  const password = crypto.randomUUID();
  const passwordFile = `${folder}/password`;
  const data = `${folder}/data`;
  const user = await ordinaryUser();
  await Deno.writeTextFile(passwordFile, password, { mode: 0o600 });
  if (user) {
    await Deno.chown(folder, user.uid, user.gid);
    await Deno.chown(passwordFile, user.uid, user.gid);
  }
  const options = { cwd: folder, ownGroup: true, env: { LC_ALL: "C" }, ...(user ? { user } : {}) };
  await run(`${programs}/initdb`, [
    "--no-sync",
    "--username=postgres",
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    `--pgdata=${data}`,
  ], { ...options, timeoutMs: 120_000 });
  signal.throwIfAborted();
  const server = Process.start(`${programs}/postgres`, [
    "-D",
    data,
    ...settings({
      port: `${port}`,
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      max_connections: "300",
      fsync: "off",
      full_page_writes: "off",
    }),
  ], options);
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  const stop = async () => {
    server.kill("SIGINT"); // closes its connections and ends, without waiting for clients
    await server.exit({ timeoutMs: 20_000 }).catch(() => server.killGroup("SIGKILL"));
    await server.status;
  };
  try {
    const release = await untilUp(server, () => releaseOf(url), {
      timeoutMs: 60_000,
      signal,
    });
    return {
      description: `Postgres ${release} from ${programs}, started on port ${port}`,
      environment: { DATABASE_URL: url },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function settings(values: Record<string, string>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** Postgres refuses to run as root, so root lends it an ordinary user. */
async function ordinaryUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const users = (await Deno.readTextFile("/etc/passwd")).split("\n").map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ??
    users.find(([name]) => name === "nobody");
  if (!user) throw new Error("Cannot start Postgres as root: there is no user postgres or nobody");
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

async function releaseOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
    return rows[0]?.server_version.split(" ")[0] ?? "";
  } finally {
    await client.end();
  }
}
