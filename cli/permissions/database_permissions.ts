/** The Deno flags that a connection to Postgres needs. */
import { parseTarget } from "../../shared/database/postgres_target.ts";

/** Values of flags, by the kind of permission. */
export interface DatabasePermissions {
  readonly net: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly env: readonly string[];
}

/** Permissions for a URL: its server, and the files of certificates and passwords.
 *
 * @param env looks up a variable of libpq
 * @throws {ConfigurationError} when the URL cannot work */
export function databasePermissions(
  url: string,
  env: (name: string) => string | undefined,
): DatabasePermissions {
  const target = parseTarget(url, env);
  const { host, hostAddress, port } = target;
  const files = [target.sslRootCert, target.sslCert, target.sslKey].flatMap((path) => path ?? []);
  const { password, passwordFile, passwordFileRequired } = target;
  const looksUp = password === undefined && passwordFile !== undefined;
  if (looksUp && (passwordFileRequired || isFile(passwordFile))) files.push(passwordFile);
  const inHome = looksUp && !passwordFileRequired && isFile(passwordFile);
  const socket = host.startsWith("/") ? [`${host}/.s.PGSQL.${port}`] : [];
  const address = hostAddress ?? host;
  const server = address.includes(":") ? `[${address}]` : address;
  return {
    net: socket.length > 0 ? socket.map((path) => `unix:${path}`) : [`${server}:${port}`],
    read: [...files, ...socket],
    write: socket,
    env: inHome ? ["HOME"] : [],
  };
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
