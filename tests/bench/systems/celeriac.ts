/** Celeriac: an API and workers as separate processes, started as users start them.
 * @module
 */
import { checkout, startApi, startBeat, startWorker } from "../../support/roles.ts";
import { type Env, startDenoClient } from "../kit/program.ts";
import type { Storage } from "../kit/servers.ts";
import { clientCommands } from "./client_commands.ts";
import { completionsOf } from "./completions.ts";
import type { Bench, OpenSystem, System } from "./system.ts";

/** The queue of the measured app. */
export const QUEUE = "celeriac.default";

/** The table of records. */
export const RECORDS = {
  table: "celeriac.task",
  completed: "state = 'SUCCESS'",
  time: "finished_at",
} as const;

/** What Celeriac promises: see "Guarantees" in docs/why/architecture.md. */
const DURABILITY = "quorum queue, confirmed; result fsynced before the ack";

/** Celeriac with one API. */
export interface OpenCeleriac extends OpenSystem {
  readonly storage: Storage;
  /** Variables of its roles. */
  readonly env: Env;
  /** URL of the API. */
  readonly url: string;
  /** Publishes events in batches; resolves when all are accepted.
   *
   * @returns epoch milliseconds of the first and the last moment */
  publish(events: number): Promise<{ readonly beganMs: number; readonly endedMs: number }>;
}

/** What to start. */
export interface CeleriacOptions {
  /** Default: 1. */
  readonly workers?: number;
  /** Module with the contracts, relative to the checkout. Default: that of the measured tasks. */
  readonly contracts?: string;
  /** Whether to start a beat, which dispatches events. Default: no. */
  readonly beat?: boolean;
}

/** Variables of a role on this storage. */
export function celeriacEnv(
  storage: Pick<Storage, "amqpUrl" | "databaseUrl">,
  contracts = "tests/bench/app/contracts.ts",
): Env {
  return {
    AMQP_URL: storage.amqpUrl,
    DATABASE_URL: storage.databaseUrl,
    CELERIAC_CONTRACTS: `${checkout}${contracts}`,
    CELERIAC_HANDLERS: `${checkout}tests/bench/app/handlers.ts`,
    CELERIAC_LOG_LEVEL: "warning", // as the peers, which log nothing for a task
  };
}

/** Celeriac with a number of workers. */
export function celeriac(workers: number): System {
  return {
    name: workers === 1 ? "Celeriac" : `Celeriac, ${workers} workers`,
    durability: DURABILITY,
    peer: false,
    share: 1,
    abilities: workers === 1
      ? ["endToEnd", "drain", "submit", "call", "pickUp"]
      : ["endToEnd", "drain"],
    open: (bench) => openCeleriac(bench, { workers }),
  };
}

/** Opens Celeriac for measurements of more than a {@linkcode OpenSystem} offers. */
export async function openCeleriac(
  bench: Bench,
  { workers = 1, contracts, beat: withBeat = false }: CeleriacOptions = {},
): Promise<OpenCeleriac> {
  await using stack = new AsyncDisposableStack();
  const storage = stack.use(await bench.servers.freshStorage("migrated"));
  const env = celeriacEnv(storage, contracts);
  const { api, url } = await startApi({ env });
  stack.use(api);
  const client = stack.use(
    await startDenoClient("tests/bench/programs/http_client.ts", [url], {}),
  );
  const beats: number[] = [];
  if (withBeat) {
    const { beat } = await startBeat({ env });
    stack.use(beat);
    beats.push(beat.pid);
  }
  const running: number[] = [];
  const owned = stack.move();
  return {
    storage,
    env,
    url,
    parts: () => ({
      client: [client.pid],
      api: [api.pid],
      ...(withBeat && { beat: beats }),
      worker: running,
      broker: [bench.servers.rabbitmq.pid],
      database: [bench.servers.postgres.pid],
    }),
    async startWorkers() {
      for (let count = 0; count < workers; count++) {
        const worker = owned.use(await startWorker({ env }));
        running.push(worker.pid);
      }
    },
    publish: (events) => client.run("publish", { events }),
    ...clientCommands(client),
    ...completionsOf(storage.client, RECORDS),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
