/** Starts PgBouncer in front of a database server.
 * @module
 */
import { canInstall, installPackages } from "./packages.ts";
import { ordinaryUser } from "./ordinary_user.ts";
import { freePorts } from "./ports.ts";
import { releaseOf } from "./private_postgres.ts";
import { Process } from "./process.ts";
import { folderWith, pathFolders, untilUp } from "./server.ts";

/** A running pooler. */
export interface PgBouncer extends AsyncDisposable {
  /** URL of a database through the pooler. */
  through(url: string): string;
}

/** Starts a pooler for the user of a URL and all databases of its server. Installs PgBouncer first if possible.
 *
 * @param settings of the section `[pgbouncer]`, such as `pool_mode`
 * @throws if PgBouncer is missing and cannot be installed */
export async function startPgBouncer(
  url: string,
  settings: Readonly<Record<string, string>>,
): Promise<PgBouncer> {
  await using stack = new AsyncDisposableStack();
  const program = await findPgBouncer();
  const server = new URL(url);
  const [port] = freePorts(1);
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const user = await ordinaryUser();
  const [name, password] = [server.username, server.password].map(decodeURIComponent);
  const files = {
    users: `"${name}" "${password}"\n`,
    "pgbouncer.ini": [
      "[databases]",
      `* = host=${server.hostname} port=${server.port || 5432}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${port}`,
      "auth_type = plain",
      `auth_file = ${folder}/users`,
      "unix_socket_dir =",
      ...Object.entries(settings).map(([key, value]) => `${key} = ${value}`),
    ].join("\n"),
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    if (user) await Deno.chown(`${folder}/${name}`, user.uid, user.gid);
  }
  if (user) await Deno.chown(folder, user.uid, user.gid);
  const through = (url: string) => {
    const target = new URL(url);
    target.host = `127.0.0.1:${port}`;
    return target.href;
  };
  const pooler = stack.use(
    Process.start(program, [`${folder}/pgbouncer.ini`], { cwd: folder, ...(user && { user }) }),
  );
  await untilUp(pooler, () => releaseOf(through(url)), {
    timeoutMs: 60_000,
    signal: new AbortController().signal,
  });
  const owned = stack.move();
  return { through, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function findPgBouncer(): Promise<string> {
  const find = () =>
    folderWith(["pgbouncer"], ["/usr/sbin", "/opt/homebrew/bin", ...pathFolders()]);
  if (!await find() && await canInstall()) {
    await installPackages(["pgbouncer"], new AbortController().signal);
  }
  const folder = await find();
  if (!folder) throw new Error("Cannot run because PgBouncer is missing: install pgbouncer");
  return `${folder}/pgbouncer`;
}
