/** Provides Postgres for a test run: the server of `DATABASE_URL`, or a private one.
 * @module
 */
import { PrivatePostgres, releaseOf } from "./private_postgres.ts";
import { run } from "./process.ts";
import { folderWith, pathFolders, type Server, unreachable, versionFolders } from "./server.ts";

/** The server of `DATABASE_URL`, or `undefined` if that is not set.
 *
 * @throws {NoServer} if it does not answer */
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

/** Finds the folder of Postgres' programs on this machine. */
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

/** Starts a private server on a free loopback port.
 *
 * @param programs folder of Postgres' programs
 * @param folder empty, absolute; receives all files */
export async function startPostgres(
  programs: string,
  folder: string,
  signal: AbortSignal,
): Promise<Server> {
  const server = await PrivatePostgres.create(programs, folder);
  signal.throwIfAborted();
  const release = await server.start(signal);
  return {
    description: `Postgres ${release} from ${programs}, started at ${new URL(server.url).host}`,
    environment: { DATABASE_URL: server.url },
    stop: () => server.stop(),
  };
}
