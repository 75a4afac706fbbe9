/** Opens and logs in connections, with the TLS mode and options that the server or pooler accepts. */
import { PostgresConnection, sqlStateOf } from "./postgres_connection.ts";
import { openSocket, type Tls, TlsFailed } from "./postgres_socket.ts";
import { passwordFrom } from "./password_file.ts";
import type { PostgresTarget, SslMode } from "./postgres_target.ts";

/** Session settings that poolers track per client. They override settings of a role or database, which would change how values are
 * read. */
const TRACKED = {
  client_encoding: "UTF8",
  DateStyle: "ISO",
  TimeZone: "UTC",
  standard_conforming_strings: "on",
};

/** Settings that poolers reject. They disable the server's timeouts and return numbers with all digits. */
const OPTIONS =
  "-c statement_timeout=0 -c lock_timeout=0 -c extra_float_digits=1 -c default_transaction_isolation=read\\ committed";

/** Errors of a pooler for unsupported startup parameters: `protocol_violation`, `feature_not_supported`. */
const PARAMETERS_REFUSED: readonly unknown[] = ["08P01", "0A000"];
/** `invalid_authorization_specification`: pg_hba.conf does not allow this login with (or without) TLS. */
const LOGIN_REFUSED = "28000";
/** `invalid_password` */
const PASSWORD_WRONG = "28P01";

/** TLS modes to try, in order. */
const TLS_ATTEMPTS: Readonly<Record<SslMode, readonly Tls[]>> = {
  "disable": ["none"],
  "allow": ["none", "demand"],
  "prefer": ["offer", "none"],
  "require": ["demand"],
  "verify-ca": ["demand"],
  "verify-full": ["demand"],
};

/** Opens connections to one target. */
export class PostgresConnector {
  readonly #target: PostgresTarget;
  readonly #name: string;
  /** Startup options; empty once a pooler has rejected {@linkcode OPTIONS}. */
  #options = OPTIONS;

  /** @param name `application_name` if the target has none */
  constructor(target: PostgresTarget, name: string) {
    this.#target = target;
    this.#name = name;
  }

  /** Opens a connection.
   *
   * @throws {Error} an error with an SQLSTATE (`sqlStateOf()`), or why the server cannot be reached
   * @throws {AggregateError} when two TLS modes failed */
  async open(): Promise<PostgresConnection> {
    const deadline = performance.now() + this.#target.connectTimeoutMs;
    const password = await this.#password();
    const failures: unknown[] = [];
    for (const tls of TLS_ATTEMPTS[this.#target.sslMode]) {
      const attempt = new Attempt(tls, password, deadline);
      try {
        return await this.#login(attempt);
      } catch (error) {
        failures.push(error);
        if (!attempt.hasAlternative(error)) break;
      }
    }
    throw failures.length === 1 ? failures[0] : new AggregateError(failures);
  }

  async #login(attempt: Attempt): Promise<PostgresConnection> {
    const options = this.#options;
    try {
      return await this.#connect(attempt, options);
    } catch (error) {
      if (!options || !PARAMETERS_REFUSED.includes(sqlStateOf(error))) throw error;
      const connection = await this.#connect(attempt, "");
      this.#options = "";
      return connection;
    }
  }

  async #connect(attempt: Attempt, options: string): Promise<PostgresConnection> {
    const timeout = new AbortController();
    const reason = new Error("the server did not respond in time");
    const timer = setTimeout(() => timeout.abort(reason), attempt.leftMs);
    try {
      const { socket, encrypted } = await openSocket(this.#target, attempt.tls, timeout.signal);
      attempt.encrypted = encrypted;
      const all = [options, this.#target.options].filter(Boolean).join(" ");
      const connection = new PostgresConnection(this.#target, socket, {
        password: attempt.password,
        parameters: {
          application_name: this.#target.applicationName ?? this.#name,
          ...TRACKED,
          ...(all && { options: all }),
        },
      });
      await connection.login(attempt.leftMs);
      return connection;
    } catch (error) {
      if (sqlStateOf(error) !== PASSWORD_WRONG || attempt.password !== undefined) throw error;
      throw new Error(`${(error as Error).message}: no password is given`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  async #password(): Promise<string | undefined> {
    const { password, passwordFile, passwordFileRequired } = this.#target;
    if (password !== undefined || passwordFile === undefined) return password;
    try {
      return passwordFrom(await Deno.readTextFile(passwordFile), this.#target);
    } catch (cause) {
      if (!passwordFileRequired) return undefined;
      const reason = (cause as Error).message;
      throw new Error(`the password file cannot be read (${reason})`, { cause });
    }
  }
}

/** One login attempt. */
class Attempt {
  encrypted = false;
  readonly #deadline: number;

  constructor(readonly tls: Tls, readonly password: string | undefined, deadline: number) {
    this.#deadline = deadline;
  }

  get leftMs(): number {
    return Math.max(0, this.#deadline - performance.now());
  }

  /** Whether the login may succeed with another TLS mode. */
  hasAlternative(error: unknown): boolean {
    if (error instanceof TlsFailed) return true;
    return sqlStateOf(error) === LOGIN_REFUSED && this.encrypted === (this.tls !== "none");
  }
}
