/** The system under test: servers of its own that can be mistreated, two APIs, two workers, and proxies between.
 * @module
 */
import pg from "pg";
import { freePorts } from "../support/ports.ts";
import { PrivatePostgres } from "../support/private_postgres.ts";
import { findPostgres } from "../support/postgres.ts";
import { type Provisioned, provisioned } from "../support/provisioned.ts";
import { TcpProxy } from "../support/proxy.ts";
import { checkout, migrate, startApi, startWorker } from "../support/roles.ts";
import type { ChaosBroker } from "./broker.ts";
import { Role } from "./role.ts";

/** The queue of the matrix' task. */
export const QUEUE = "celeriac.default";

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

/** Starts and ends everything but the broker. */
export class Supervisor implements AsyncDisposable {
  readonly #owned = new AsyncDisposableStack();

  private constructor(
    readonly broker: ChaosBroker,
    readonly postgres: PrivatePostgres,
    readonly vhost: Provisioned,
    /** Between the APIs, the workers and their servers. */
    readonly proxies: { apiAmqp: TcpProxy; workerAmqp: TcpProxy; database: TcpProxy },
    readonly apis: readonly Role[],
    readonly workers: readonly Role[],
  ) {}

  /** Resolves when both APIs and both workers are ready. */
  static async start({ broker, folder }: Site): Promise<Supervisor> {
    await using stack = new AsyncDisposableStack();
    const programs = await findPostgres();
    if (!programs) throw new Error("Cannot run as there is no Postgres here: install postgresql");
    const postgres = await PrivatePostgres.create(programs, folder, {
      max_wal_size: "64MB",
      min_wal_size: "32MB",
    });
    await postgres.start(AbortSignal.timeout(60_000));
    stack.defer(() => postgres.stop("immediate"));
    await migrate(postgres.url);
    const vhost = stack.use(await provisioned([QUEUE], broker));
    const proxies = {
      apiAmqp: stack.use(TcpProxy.of(broker.url)),
      workerAmqp: stack.use(TcpProxy.of(broker.url)),
      database: stack.use(TcpProxy.of(postgres.url)),
    };
    const common = { ...APP, DATABASE_URL: proxies.database.through(postgres.url) };
    const apis = freePorts(2).map((port) => {
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
      return new Role(async () => {
        const process = await startWorker({ env });
        const [, name = ""] = await process.said(/Celeriac worker (\S+) ready/);
        return { process, name };
      });
    });
    for (const role of [...apis, ...workers]) stack.use(role);
    await Promise.all([...apis, ...workers].map((role) => role.start()));
    const supervisor = new Supervisor(broker, postgres, vhost, proxies, apis, workers);
    supervisor.#owned.use(stack.move());
    return supervisor;
  }

  /** Every process that a fault could have ended runs again. */
  async mend(): Promise<void> {
    this.proxies.apiAmqp.pass();
    this.proxies.workerAmqp.pass();
    this.proxies.database.pass();
    if (!this.postgres.running) await this.postgres.start(AbortSignal.timeout(60_000));
    const fallen = [...this.apis, ...this.workers].filter((role) => !role.running);
    await Promise.all(fallen.map((role) => role.start()));
  }

  /** Runs one statement as a superuser, past the proxy. */
  async rows<Row extends object>(statement: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({
      connectionString: this.postgres.url,
      connectionTimeoutMillis: 5000,
      query_timeout: 20_000,
    });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query<Row>(statement, values)).rows;
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}
