/** The floors: the least code that does the same with the same servers, without Celeriac.
 * @module
 */
import { rawChannel } from "../../support/raw_amqp.ts";
import type { Process } from "../../support/process.ts";
import { type Env, startDenoClient, startDenoProgram } from "../kit/program.ts";
import type { Storage } from "../kit/servers.ts";
import { ALL_PROMISES, type BarePromise } from "../programs/promises.ts";
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

/** The loop that keeps the promises of Celeriac's worker, and no more. */
export function samePromises(): System {
  return bareLoop({
    promises: ALL_PROMISES,
    name: "bare amqplib loop, same promises",
    abilities: ["endToEnd", "drain"],
  });
}

/** Options of a handler. */
export interface ApiOptions extends Pick<System, "name"> {
  /** Whether it publishes, with confirms. Default `true`. */
  readonly publishes?: boolean;
  /** The promises that it keeps besides. Default none. */
  readonly promises?: readonly BarePromise[];
}

/** A Hono handler that answers 202, or with the result that a bare loop replies. If the handler keeps promises, its loop keeps all. */
export function bareApi({ name, publishes = true, promises = [] }: ApiOptions): System {
  const published = promises.includes("first state")
    ? "quorum queue, confirmed; PENDING record after half a second"
    : "quorum queue, confirmed; no record";
  return {
    name,
    durability: publishes ? published : "none",
    peer: false,
    share: 1,
    abilities: publishes
      ? ["submit", "call", ...promises.includes("handler") ? ["pickUp" as const] : []]
      : ["submit"],
    open: (bench) =>
      openApi(
        bench,
        publishes ? [QUEUE, ...promises] : [],
        promises.length > 0 ? ALL_PROMISES : ["record"],
      ),
  };
}

async function openLoop(bench: Bench, promises: readonly BarePromise[]): Promise<OpenSystem> {
  await using stack = new AsyncDisposableStack();
  const { storage, env } = await freshFloor(bench, stack);
  const client = stack.use(
    await startDenoClient("tests/bench/programs/bare_client.ts", [QUEUE, ...promises], env),
  );
  const owned = stack.move();
  const workers = new BareWorkers(owned, env, promises);
  return {
    parts: () => ({ client: [client.pid], worker: workers.pids, ...serversOf(bench) }),
    startWorkers: () => workers.start(),
    ...clientCommands(client),
    ...completionsOf(storage.client, promises.includes("record") ? RECORDS : ROWS),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openApi(
  bench: Bench,
  args: readonly string[],
  promises: readonly BarePromise[],
): Promise<OpenSystem> {
  await using stack = new AsyncDisposableStack();
  const { storage, env } = await freshFloor(bench, stack);
  const api = stack.use(startDenoProgram("tests/bench/programs/bare_api.ts", args, env));
  const url = await urlOf(api);
  const client = stack.use(
    await startDenoClient("tests/bench/programs/http_client.ts", [url], {}),
  );
  const owned = stack.move();
  const workers = new BareWorkers(owned, env, promises);
  return {
    parts: () => ({
      client: [client.pid],
      api: [api.pid],
      worker: workers.pids,
      ...serversOf(bench),
    }),
    startWorkers: () => workers.start(),
    ...clientCommands(client),
    ...completionsOf(storage.client, RECORDS),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The bare loops of a system. */
class BareWorkers {
  readonly pids: number[] = [];
  readonly #owner: AsyncDisposableStack;
  readonly #env: Env;
  readonly #promises: readonly BarePromise[];

  /** @param owner ends them when it is disposed */
  constructor(owner: AsyncDisposableStack, env: Env, promises: readonly BarePromise[]) {
    this.#owner = owner;
    this.#env = env;
    this.#promises = promises;
  }

  /** Starts one and waits until it consumes. */
  async start(): Promise<void> {
    const args = [QUEUE, `${PREFETCH}`, ...this.#promises];
    const worker = this.#owner.use(
      startDenoProgram("tests/bench/programs/bare_worker.ts", args, this.#env),
    );
    await worker.said(/^ready$/m);
    this.pids.push(worker.pid);
  }
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
