/** Parses the location and login of a database from a URL and libpq's variables (PostgreSQL documentation, "Connection Strings"). */
import { closest } from "../text/closest.ts";
import { ConfigurationError } from "../errors.ts";

/** libpq's `sslmode`. */
export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";

/** A server, a database and a login. File paths may be relative. */
export interface PostgresTarget {
  /** Host name, IP address (IPv6 without brackets) or folder of a Unix socket. */
  readonly host: string;
  /** IP address to connect to instead of resolving the host name. */
  readonly hostAddress: string | undefined;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** `undefined` to look it up in the password file. */
  readonly password: string | undefined;
  /** Path of libpq's password file; not read when a password is given. */
  readonly passwordFile: string | undefined;
  /** Whether the password file was set explicitly and must exist. */
  readonly passwordFileRequired: boolean;
  readonly sslMode: SslMode;
  /** Trusted root certificates. Default: those of the system. */
  readonly sslRootCert: string | undefined;
  readonly sslCert: string | undefined;
  readonly sslKey: string | undefined;
  /** Command-line options for the server, such as `-c work_mem=64MB`. */
  readonly options: string | undefined;
  readonly applicationName: string | undefined;
  readonly connectTimeoutMs: number;
  /** Whether named prepared statements may be used. */
  readonly prepare: boolean;
}

/** Default connect timeout: longer than a healthy server needs, shorter than the timeout of a request. */
const CONNECT_TIMEOUT_MS = 5000;

const SSL_MODES: readonly SslMode[] = [
  "disable",
  "allow",
  "prefer",
  "require",
  "verify-ca",
  "verify-full",
];

/** URL parameters, and the variable used when the parameter is missing. */
const PARAMETERS: Readonly<Record<string, string | undefined>> = {
  host: "PGHOST",
  hostaddr: "PGHOSTADDR",
  port: "PGPORT",
  user: "PGUSER",
  password: "PGPASSWORD",
  dbname: "PGDATABASE",
  passfile: "PGPASSFILE",
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  options: "PGOPTIONS",
  application_name: "PGAPPNAME",
  connect_timeout: "PGCONNECT_TIMEOUT",
  channel_binding: "PGCHANNELBINDING",
  gssencmode: "PGGSSENCMODE",
  target_session_attrs: "PGTARGETSESSIONATTRS",
  ssl: undefined,
  prepare: undefined,
};

/** libpq parameters that are accepted and ignored. */
const WITHOUT_EFFECT =
  /^(keepalives.*|tcp_user_timeout|sslsni|sslcompression|client_encoding|fallback_application_name|krbsrvname|gsslib)$/;

/** Supported values of parameters with restrictions. */
const ACCEPTED: Readonly<Record<string, readonly string[]>> = {
  sslmode: SSL_MODES,
  ssl: ["true", "false"],
  prepare: ["true", "false"],
  channel_binding: ["disable", "prefer"],
  gssencmode: ["disable", "prefer"],
  target_session_attrs: ["any", "read-write", "primary"],
};

/** Parses a URL. Parameters after `?` override its other parts, which override variables.
 *
 * @param env looks up a variable
 * @throws {ConfigurationError} when it is not a Postgres URL, or has an unsupported parameter
 *
 * @example
 * ```ts
 * import { parseTarget } from "./postgres_target.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { host, port, database, sslMode } = parseTarget("postgres://shop@db/a%2Fb?sslmode=require", () => undefined);
 * assertEquals([host, port, database, sslMode], ["db", 5432, "a/b", "require"]);
 * ```
 */
export function parseTarget(
  url: string,
  env: (name: string) => string | undefined,
): PostgresTarget {
  const parsed = URL.parse(url);
  if (!parsed || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    throw new ConfigurationError(
      "Cannot use the database's URL because it is not of the form 'postgres://user:password@host:port/name': correct DATABASE_URL",
    );
  }
  const parameters = parametersOf(parsed);
  const get = (name: string) => {
    const variable = PARAMETERS[name];
    const value = parameters.get(name) ?? (variable && env(variable));
    return accepted(name, value || undefined, parameters.has(name) ? `?${name}` : variable);
  };
  for (const name of ["channel_binding", "gssencmode", "target_session_attrs"]) get(name);
  const host = get("host") ?? "localhost";
  if (host.includes(",")) throw unusable("it names several hosts", "name one");
  const user = get("user") ?? env("USER") ?? env("USERNAME") ?? "postgres";
  const home = env("HOME");
  const rootCert = get("sslrootcert");
  const sslMode = sslModeOf(get("sslmode"), get("ssl"), rootCert);
  return {
    host,
    hostAddress: get("hostaddr"),
    port: whole("port", get("port") ?? "5432", 65_535),
    database: get("dbname") ?? user,
    user,
    password: get("password"),
    passwordFile: get("passfile") ?? (home && `${home}/.pgpass`),
    passwordFileRequired: get("passfile") !== undefined,
    sslMode: host.startsWith("/") ? "disable" : sslMode,
    sslRootCert: rootCert === "system" ? undefined : rootCert,
    sslCert: get("sslcert"),
    sslKey: get("sslkey"),
    options: get("options"),
    applicationName: get("application_name"),
    connectTimeoutMs: timeoutOf(get("connect_timeout")),
    prepare: get("prepare") !== "false",
  };
}

/** Parts and parameters of a URL by libpq parameter name. */
function parametersOf(url: URL): Map<string, string> {
  const decode = (name: string, text: string): [string, string][] => {
    try {
      return text === "" ? [] : [[name, decodeURIComponent(text)]];
    } catch {
      throw unusable(
        `its ${name} contains a '%' that starts no valid escape`,
        "write '%' as '%25'",
      );
    }
  };
  const parameters = new Map([
    ...decode("user", url.username),
    ...decode("password", url.password),
    ...decode("host", url.hostname.replace(/^\[(.*)\]$/, "$1")),
    ...decode("port", url.port),
    ...decode("dbname", url.pathname.slice(1)),
  ]);
  for (const [name, value] of url.searchParams) {
    if (WITHOUT_EFFECT.test(name)) continue;
    if (!Object.hasOwn(PARAMETERS, name)) {
      const near = closest(name, Object.keys(PARAMETERS));
      throw unusable(
        `it has an unknown parameter '${name}'`,
        near ? `did you mean '${near}'?` : "leave it out",
      );
    }
    parameters.set(name, value);
  }
  return parameters;
}

/** Like libpq, `require` verifies the certificate's authority if root certificates are given. */
function sslModeOf(
  given: string | undefined,
  ssl: string | undefined,
  rootCert: string | undefined,
): SslMode {
  if (rootCert === "system") {
    if (given === undefined || given === "verify-full") return "verify-full";
    throw unusable(
      `sslrootcert=system cannot be combined with sslmode=${given}`,
      "use verify-full",
    );
  }
  const mode = (given ?? (ssl === "true" ? "require" : "prefer")) as SslMode;
  return mode === "require" && rootCert !== undefined ? "verify-ca" : mode;
}

function accepted(
  name: string,
  value: string | undefined,
  where: string | undefined,
): string | undefined {
  const choices = ACCEPTED[name];
  if (value === undefined || !choices || choices.includes(value)) return value;
  throw unusable(
    `'${value}' of ${where} is not supported`,
    `use ${choices.join(" or ")}, or leave it out`,
  );
}

/** In libpq 0 and less mean no limit. A pool needs one and uses the default. */
function timeoutOf(seconds: string | undefined): number {
  const given = seconds === undefined ? 0 : Number(seconds);
  return given > 0 ? given * 1000 : CONNECT_TIMEOUT_MS;
}

function whole(name: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= max) return value;
  throw unusable(`its ${name} is not a whole number from 1 to ${max}`, "correct it");
}

function unusable(reason: string, remedy: string): ConfigurationError {
  return new ConfigurationError(
    `Cannot use the database's URL because ${reason}: ${remedy} (DATABASE_URL)`,
  );
}
