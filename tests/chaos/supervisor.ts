/** The system under test: servers of its own that can be mistreated, two APIs, two workers, and proxies between.
 * @module
 */
import type { Parameter } from "../../shared/database/database.ts";
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { freePorts } from "../support/ports.ts";
import { PrivatePostgres } from "../support/private_postgres.ts";
import { findPostgres } from "../support/postgres.ts";
import { type Provisioned, provisioned } from "../support/provisioned.ts";
import { TcpProxy } from "../support/proxy.ts";
import { checkout, migrate, startApi, startWorker } from "../support/roles.ts";
import type { ChaosBroker } from "./broker.ts";
import { Disk } from "./disk.ts";
import { prepareReckoning } from "./reckoning.ts";
import { Role } from "./role.ts";

/** The queue of most tasks. */
export const QUEUE = "celeriac.default";
/** The queue of the others. */
export const QUEUE_ASIDE = "celeriac.aside";

const APP = {
  CELERIAC_CONTRACTS: `${checkout}tests/chaos/app/contracts.ts`,
  CELERIAC_HANDLERS: `${checkout}tests/chaos/app/handlers.ts`,
};

/** Where the system runs. */
export interface Site {
  readonly broker: ChaosBroker;
  /** Empty, absolute; holds Postgres' data. */
  readonly folder: string;
}

/** What stands between. */
export interface Proxies {
  /** Client and first API. */
  readonly http: TcpProxy;
  /** APIs and broker. */
  readonly apiAmqp: TcpProxy;
  /** Workers and broker. */
  readonly workerAmqp: TcpProxy;
  /** APIs, workers and Postgres. */
  readonly database: TcpProxy;
}

/** Starts and ends everything but the broker. */
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
  ) {}

  /** Where clients reach the APIs. */
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
      throw new Error("Cannot run because there is no Postgres here: install postgresql");
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
    for (const role of [...apis, ...workers]) stack.use(role);
    await Promise.all([...apis, ...workers].map((role) => role.start()));
    const supervisor = new Supervisor(broker, postgres, disk, vhost, proxies, apis, workers);
    await prepareReckoning(supervisor);
    supervisor.#owned.use(stack.move());
    return supervisor;
  }

  /** Runs one statement as a superuser, past the proxy. */
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
