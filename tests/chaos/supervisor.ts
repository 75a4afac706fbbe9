/** The system under test: private servers for fault injection, two APIs, two workers, and proxies between them.
 * @module
 */
import type { Parameter } from "../../shared/database/database.ts";
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { freePorts } from "../support/ports.ts";
import { PrivatePostgres } from "../support/private_postgres.ts";
import { findPostgres } from "../support/postgres.ts";
import { type Provisioned, provisioned } from "../support/provisioned.ts";
import { TcpProxy } from "../support/proxy.ts";
import { checkout, migrate, startApi, startBeat, startWorker } from "../support/roles.ts";
import type { ChaosBroker } from "./broker.ts";
import { Disk } from "./disk.ts";
import { prepareVerification } from "./verification.ts";
import { Role } from "./role.ts";

/** Queue of most tasks. */
export const QUEUE = "celeriac.default";
/** Queue of the other tasks. */
export const QUEUE_ASIDE = "celeriac.aside";

const APP = {
  CELERIAC_CONTRACTS: `${checkout}tests/chaos/app/contracts.ts`,
  CELERIAC_HANDLERS: `${checkout}tests/chaos/app/handlers.ts`,
};

/** Servers and folder of the system. */
export interface Site {
  readonly broker: ChaosBroker;
  /** Empty, absolute; for the data of Postgres. */
  readonly folder: string;
}

/** The proxies between the processes. */
export interface Proxies {
  /** Between the client and the first API. */
  readonly http: TcpProxy;
  /** Between the APIs and the broker. */
  readonly apiAmqp: TcpProxy;
  /** Between the workers and the broker. */
  readonly workerAmqp: TcpProxy;
  /** Between Postgres and the APIs and workers. */
  readonly database: TcpProxy;
}

/** Starts and stops everything except the broker. */
export class Supervisor implements AsyncDisposable {
  readonly #owned = new AsyncDisposableStack();

  private constructor(
    readonly broker: ChaosBroker,
    readonly postgres: PrivatePostgres,
    readonly disk: Disk,
    readonly vhost: Provisioned,
    readonly proxies: Proxies,
    readonly apis: readonly Role[],
    readonly workers: readonly Role[],
    /** Not started: only some faults need them. */
    readonly beats: readonly Role[],
    readonly beatEnv: Readonly<Record<string, string>>,
  ) {}

  /** URLs of the APIs for clients. */
  get urls(): string[] {
    const [first, second] = this.apis.map(({ name }) => name);
    return [this.proxies.http.through(first ?? "").replace(/\/$/, ""), second ?? ""];
  }

  /** The vhost, as an administrator. */
  get adminUrl(): string {
    const url = new URL(this.broker.url);
    url.pathname = `/${this.vhost.vhost}`;
    return url.href;
  }

  /** Resolves when both APIs and both workers are ready. */
  static async start({ broker, folder }: Site): Promise<Supervisor> {
    await using stack = new AsyncDisposableStack();
    const programs = await findPostgres();
    if (!programs) {
      throw new Error("Cannot run because Postgres is not installed: install postgresql");
    }
    const disk = stack.use(await Disk.mount(folder));
    const postgres = await PrivatePostgres.create(programs, folder, {
      max_wal_size: "64MB",
      min_wal_size: "32MB",
    });
    await postgres.start(AbortSignal.timeout(60_000));
    stack.defer(() => postgres.stop("immediate"));
    await migrate(postgres.url);
    const vhost = stack.use(await provisioned([QUEUE, QUEUE_ASIDE], broker));
    const ports = freePorts(2);
    const proxies = {
      http: stack.use(new TcpProxy({ hostname: "127.0.0.1", port: ports[0]! })),
      apiAmqp: stack.use(TcpProxy.of(broker.url)),
      workerAmqp: stack.use(TcpProxy.of(broker.url)),
      database: stack.use(TcpProxy.of(postgres.url)),
    };
    const common = { ...APP, DATABASE_URL: proxies.database.through(postgres.url) };
    const apis = ports.map((port) => {
      const env = {
        ...common,
        PORT: `${port}`,
        AMQP_URL: proxies.apiAmqp.through(vhost.url("api")),
      };
      return new Role(async () => {
        const { api, url } = await startApi({ env });
        return { process: api, name: url };
      });
    });
    const workers = [1, 2].map(() => {
      const env = { ...common, AMQP_URL: proxies.workerAmqp.through(vhost.url("worker")) };
      return new Role(async (permissions) => {
        const process = await startWorker({ env, permissions });
        const [, name = ""] = await process.said(/Celeriac worker (\S+) ready/);
        return { process, name };
      });
    });
    const beatEnv = { ...common, AMQP_URL: proxies.apiAmqp.through(vhost.url("beat")) };
    const beats = [1, 2].map(() =>
      new Role(async () => {
        const { beat, health } = await startBeat({ env: beatEnv });
        return { process: beat, name: health };
      })
    );
    for (const role of [...apis, ...workers, ...beats]) stack.use(role);
    await Promise.all([...apis, ...workers].map((role) => role.start()));
    const supervisor = new Supervisor(
      broker,
      postgres,
      disk,
      vhost,
      proxies,
      apis,
      workers,
      beats,
      beatEnv,
    );
    await prepareVerification(supervisor);
    supervisor.#owned.use(stack.move());
    return supervisor;
  }

  /** Runs one statement as a superuser, without the proxy. */
  async rows<Row extends object>(statement: string, values: Parameter[] = []): Promise<Row[]> {
    const { url } = this.postgres;
    await using database = new PostgresDatabase({ url, max: 1, timeoutMs: 20_000 });
    await database.start();
    return await database.query<Row>(statement, values);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}
