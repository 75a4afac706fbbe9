/** A private Postgres server that can be stopped and restarted with the same data.
 * @module
 */
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { ordinaryUser } from "./ordinary_user.ts";
import { freePorts } from "./ports.ts";
import { Process, type ProcessOptions, run } from "./process.ts";
import { untilUp } from "./server.ts";

/** Shutdown mode: `fast` rolls back open transactions and writes a checkpoint; `immediate` stops like a crash. */
export type Ending = "fast" | "immediate";

const SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT" } as const;

/** One server on a free loopback port, without fsync: test data need not survive a power failure. */
export class PrivatePostgres {
  readonly url: string;
  readonly #programs: string;
  readonly #data: string;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #options: ProcessOptions;
  #server: Process | undefined;

  private constructor(
    parts: { programs: string; data: string; password: string; options: ProcessOptions },
    settings: Readonly<Record<string, string>>,
  ) {
    const [port] = freePorts(1);
    this.url = `postgres://postgres:${parts.password}@127.0.0.1:${port}/postgres`;
    this.#programs = parts.programs;
    this.#data = parts.data;
    this.#options = parts.options;
    this.#settings = {
      port: `${port}`,
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      max_connections: "300",
      fsync: "off",
      full_page_writes: "off",
      ...settings,
    };
  }

  /** Creates the data folder; the server is not started yet.
   *
   * @param programs folder of Postgres' programs
   * @param folder empty, absolute; receives all files
   * @param settings additional server settings */
  static async create(
    programs: string,
    folder: string,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<PrivatePostgres> {
    const password = crypto.randomUUID();
    const passwordFile = `${folder}/password`;
    const data = `${folder}/data`;
    const user = await ordinaryUser();
    await Deno.writeTextFile(passwordFile, password, { mode: 0o600 });
    if (user) {
      await Deno.chown(folder, user.uid, user.gid);
      await Deno.chown(passwordFile, user.uid, user.gid);
    }
    const options = {
      cwd: folder,
      ownGroup: true,
      env: { LC_ALL: "C" },
      ...(user ? { user } : {}),
    };
    await run(`${programs}/initdb`, [
      "--no-sync",
      "--username=postgres",
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      `--pgdata=${data}`,
    ], { ...options, timeoutMs: 120_000 });
    return new PrivatePostgres({ programs, data, password, options }, settings);
  }

  /** Copies its data for a standby, which follows it once started.
   *
   * @param folder empty, absolute; holds all that the standby writes */
  async standby(folder: string): Promise<PrivatePostgres> {
    const { user } = this.#options;
    if (user) await Deno.chown(folder, user.uid, user.gid);
    const options = { ...this.#options, cwd: folder };
    const data = `${folder}/data`;
    await run(`${this.#programs}/pg_basebackup`, [
      "--write-recovery-conf",
      "--checkpoint=fast",
      "--no-sync",
      `--dbname=${this.url}`,
      `--pgdata=${data}`,
    ], { ...options, timeoutMs: 120_000 });
    const { password } = new URL(this.url);
    return new PrivatePostgres({ programs: this.#programs, data, password, options }, {});
  }

  /** Whether its process runs. */
  get running(): boolean {
    return this.#server?.running ?? false;
  }

  /** Process id of the running server; its backends are children of this process.
   *
   * @throws if it was not started */
  get pid(): number {
    if (!this.#server) {
      throw new Error("Cannot read the process id because Postgres is not started");
    }
    return this.#server.pid;
  }

  /** Starts the server with its existing data.
   *
   * @returns its release, when it accepts connections */
  async start(signal: AbortSignal): Promise<string> {
    const settings = Object.entries(this.#settings).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]);
    const args = ["-D", this.#data, ...settings];
    const server = Process.start(`${this.#programs}/postgres`, args, this.#options);
    this.#server = server;
    try {
      return await untilUp(server, () => releaseOf(this.url), { timeoutMs: 60_000, signal });
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops the server without waiting for clients; resolves when it has exited. */
  async stop(ending: Ending = "fast"): Promise<void> {
    const server = this.#server;
    if (!server) return;
    server.kill(SIGNALS[ending]);
    await server.exit({ timeoutMs: 20_000 }).catch(() => server.killGroup("SIGKILL"));
    await server.status;
  }
}

/** Reads the release of a server.
 *
 * @throws if it does not answer */
export async function releaseOf(url: string): Promise<string> {
  await using database = new PostgresDatabase({ url, max: 1 });
  await database.start();
  const [row] = await database.query<{ server_version: string }>("SHOW server_version");
  return row?.server_version.split(" ")[0] ?? "";
}
