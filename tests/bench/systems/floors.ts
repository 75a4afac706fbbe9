/** The floors: the least code that does the same with the same servers, without Celeriac.
 * @module
 */
import { rawChannel } from "../../support/raw_amqp.ts";
import type { Process } from "../../support/process.ts";
import { type Env, startDenoClient, startDenoProgram } from "../kit/program.ts";
import type { Storage } from "../kit/servers.ts";
import type { BarePromise } from "../programs/promises.ts";
import { QUEUE, RECORDS } from "./celeriac.ts";
import { clientCommands } from "./client_commands.ts";
import { completionsOf } from "./completions.ts";
import type { Bench, OpenSystem, System } from "./system.ts";

/** Prefetch of the loop: that of Celeriac's worker, 8 times its concurrency of 32. */
const PREFETCH = 256;

/** The table of the loop that commits less: three columns, no partitions. */
const ROWS = { table: "bare", completed: "true", time: "finished_at" } as const;

/** Options of a loop. */
export interface LoopOptions extends Partial<Pick<System, "name" | "abilities">> {
  /** The promises that it keeps, in any order. */
  readonly promises: readonly BarePromise[];
}

/** A loop over amqplib: publish with confirms, consume, commit, ack. Without the promise `record` it commits rows of three columns.
 *
 * @param options by default, a loop for all measurements */
export function bareLoop(
  { promises, name = "bare amqplib loop", abilities = ["endToEnd", "drain", "call"] }: LoopOptions,
): System {
  return {
    name,
    durability: "quorum queue, confirmed; row fsynced before the ack",
    peer: false,
    share: 1,
    abilities,
    open: (bench) => openLoop(bench, promises),
  };
}

/** A Hono handler that answers 202.
 *
 * @param publishes whether it waits for one confirmed publish first */
export function bareApi(publishes: boolean): System {
  return {
    name: publishes ? "bare Hono handler" : "bare Hono handler, no publish",
    durability: publishes ? "quorum queue, confirmed; no record" : "none",
    peer: false,
    share: 1,
    abilities: ["submit"],
    open: (bench) => openApi(bench, publishes),
  };
}

async function openLoop(bench: Bench, promises: readonly BarePromise[]): Promise<OpenSystem> {
  await using stack = new AsyncDisposableStack();
  const { storage, env } = await freshFloor(bench, stack);
  const client = stack.use(
    await startDenoClient("tests/bench/programs/bare_client.ts", [QUEUE, ...promises], env),
  );
  const workers: number[] = [];
  const owned = stack.move();
  return {
    parts: () => ({ client: [client.pid], worker: workers, ...serversOf(bench) }),
    async startWorkers() {
      const args = [QUEUE, `${PREFETCH}`, ...promises];
      const worker = owned.use(startDenoProgram("tests/bench/programs/bare_worker.ts", args, env));
      await worker.said(/^ready$/m);
      workers.push(worker.pid);
    },
    ...clientCommands(client),
    ...completionsOf(storage.client, promises.includes("record") ? RECORDS : ROWS),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openApi(bench: Bench, publishes: boolean): Promise<OpenSystem> {
  await using stack = new AsyncDisposableStack();
  const { storage, env } = await freshFloor(bench, stack);
  const args = publishes ? [QUEUE] : [];
  const api = stack.use(startDenoProgram("tests/bench/programs/bare_api.ts", args, env));
  const url = await urlOf(api);
  const client = stack.use(
    await startDenoClient("tests/bench/programs/http_client.ts", [url], {}),
  );
  const owned = stack.move();
  return {
    parts: () => ({ client: [client.pid], api: [api.pid], ...serversOf(bench) }),
    startWorkers: () => Promise.resolve(),
    ...clientCommands(client),
    ...completionsOf(storage.client, RECORDS),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Fresh storage with Celeriac's tables and its queue. */
async function freshFloor(
  bench: Bench,
  stack: AsyncDisposableStack,
): Promise<{ storage: Storage; env: Env }> {
  const storage = stack.use(await bench.servers.freshStorage("migrated"));
  await using amqp = await rawChannel(storage.amqpUrl);
  await amqp.channel.assertQueue(QUEUE, {
    durable: true,
    arguments: { "x-queue-type": "quorum" },
  });
  return { storage, env: { AMQP_URL: storage.amqpUrl, DATABASE_URL: storage.databaseUrl } };
}

async function urlOf(api: Process): Promise<string> {
  const [, url = ""] = await api.said(/ready at (http:\S+)/);
  return url;
}

function serversOf({ servers }: Bench): Record<"broker" | "database", readonly number[]> {
  return { broker: [servers.rabbitmq.pid], database: [servers.postgres.pid] };
}
