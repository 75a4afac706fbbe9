/** Opens connections that are logged in, in the way that the server or the pooler before it accepts. */
import { PostgresConnection, sqlStateOf } from "./postgres_connection.ts";
import { openSocket, type Tls, TlsFailed } from "./postgres_socket.ts";
import { passwordFrom } from "./password_file.ts";
import type { PostgresTarget, SslMode } from "./postgres_target.ts";

/** Settings of the session that poolers keep for each client. A role's or database's own would change what values mean. */
const TRACKED = {
  client_encoding: "UTF8",
  DateStyle: "ISO",
  TimeZone: "UTC",
  standard_conforming_strings: "on",
};

/** Settings that poolers refuse. Deadlines are the caller's, and numbers keep all their digits. */
const OPTIONS =
  "-c statement_timeout=0 -c lock_timeout=0 -c extra_float_digits=1 -c default_transaction_isolation=read\\ committed";

/** Answers to startup parameters that a pooler does not take: `protocol_violation`, `feature_not_supported`. */
const PARAMETERS_REFUSED: readonly unknown[] = ["08P01", "0A000"];
/** `invalid_authorization_specification`: no line of pg_hba.conf allows this login with TLS, or without. */
const LOGIN_REFUSED = "28000";
/** `invalid_password` */
const PASSWORD_WRONG = "28P01";

/** What to try in turn. */
const WAYS: Readonly<Record<SslMode, readonly Tls[]>> = {
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
  /** What to start sessions with; without {@linkcode OPTIONS} once a pooler has refused them. */
  #options = OPTIONS;

  /** @param name what the server calls us if the target gives no name */
  constructor(target: PostgresTarget, name: string) {
    this.#target = target;
    this.#name = name;
  }

  /** Opens one.
   *
   * @throws {Error} what `sqlStateOf()` explains, or why the server cannot be reached
   * @throws {AggregateError} when two ways have failed */
  async open(): Promise<PostgresConnection> {
    const deadline = performance.now() + this.#target.connectTimeoutMs;
    const password = await this.#password();
    const failures: unknown[] = [];
    for (const tls of WAYS[this.#target.sslMode]) {
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
    const late = new AbortController();
    const reason = new Error("the server did not answer in time");
    const timer = setTimeout(() => late.abort(reason), attempt.leftMs);
    try {
      const { socket, encrypted } = await openSocket(this.#target, attempt.tls, late.signal);
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
    const { password, passwordFile, passwordFileNamed } = this.#target;
    if (password !== undefined || passwordFile === undefined) return password;
    try {
      return passwordFrom(await Deno.readTextFile(passwordFile), this.#target);
    } catch (cause) {
      if (!passwordFileNamed) return undefined;
      const reason = (cause as Error).message;
      throw new Error(`the password file cannot be read (${reason})`, { cause });
    }
  }
}

/** One way to log in. */
class Attempt {
  encrypted = false;
  readonly #deadline: number;

  constructor(readonly tls: Tls, readonly password: string | undefined, deadline: number) {
    this.#deadline = deadline;
  }

  get leftMs(): number {
    return Math.max(0, this.#deadline - performance.now());
  }

  /** Whether the login may pass with TLS where it failed without, or the other way round. */
  hasAlternative(error: unknown): boolean {
    if (error instanceof TlsFailed) return true;
    return sqlStateOf(error) === LOGIN_REFUSED && this.encrypted === (this.tls !== "none");
  }
}
