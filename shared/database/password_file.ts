/** Parses libpq's password file (PostgreSQL documentation, "The Password File"). */

/** The login to find a password for. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

const LINE =
  /^((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*)/;

/** Unix socket folders that the file calls `localhost`. */
const DEFAULT_FOLDERS = ["/run/postgresql", "/var/run/postgresql", "/tmp"];

/** The password of the first matching line; `undefined` when none matches.
 *
 * @param text lines of `host:port:database:user:password`, where `*` matches everything and a backslash escapes `:` and `\`
 *
 * @example
 * ```ts
 * import { passwordFrom } from "./password_file.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const text = "# shop\ndb:5432:*:shop:pa\\:ss\n";
 * const login = { host: "db", port: 5432, database: "orders", user: "shop" };
 * assertEquals(passwordFrom(text, login), "pa:ss");
 * ```
 */
export function passwordFrom(text: string, login: Login): string | undefined {
  const host = DEFAULT_FOLDERS.includes(login.host) ? "localhost" : login.host;
  const expected = [host, `${login.port}`, login.database, login.user];
  for (const line of text.split(/\r?\n/)) {
    const fields = line.startsWith("#") ? undefined : LINE.exec(line)?.slice(1);
    if (!fields) continue;
    const matches = expected.every((value, index) =>
      fields[index] === "*" || unescaped(fields[index]!) === value
    );
    if (matches) return unescaped(fields[4]!);
  }
  return undefined;
}

function unescaped(field: string): string {
  return field.replace(/\\(.)/g, "$1");
}
