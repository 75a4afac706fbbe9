/** BullMQ with an own Redis for each round.
 * @module
 */
import { type AppendSync, startRedis } from "../peers/redis.ts";
import { clientCommands } from "./client_commands.ts";
import type { Bench, OpenSystem, System } from "./system.ts";

const PROGRAM = "peers/programs/bullmq.ts";
const COMPLETED = "bull:bench:completed";

const DURABILITY = {
  everysec: "up to 1 s of submissions and results lost",
  always: "submission and result fsynced",
} as const;

/** BullMQ.
 *
 * @param appendSync when Redis syncs its append-only file */
export function bullmq(appendSync: AppendSync): System {
  return {
    name: `BullMQ, ${appendSync}`,
    durability: DURABILITY[appendSync],
    peer: true,
    share: 1,
    abilities: ["endToEnd", "drain", "submit", "call", "pickUp"],
    open: (bench) => openBullmq(bench, appendSync),
  };
}

async function openBullmq(bench: Bench, appendSync: AppendSync): Promise<OpenSystem> {
  const peers = await bench.peers();
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis(appendSync, bench.servers.folder, bench.signal));
  const env = { REDIS_PORT: `${redis.port}` };
  const client = stack.use(await peers.client(PROGRAM, env));
  const workers: number[] = [];
  const owned = stack.move();
  return {
    parts: () => ({ client: [client.pid], worker: workers, broker: [redis.pid] }),
    async startWorkers() {
      const worker = owned.use(await peers.worker(PROGRAM, env));
      workers.push(worker.pid);
    },
    ...clientCommands(client),
    finished: async () => Number(await redis.command("zcard", COMPLETED)),
    async lastFinishedMs() {
      const last = await redis.command("zrevrange", COMPLETED, "0", "0", "withscores");
      return Number(last.trim().split("\n").at(-1)); // id, then the score: when it finished
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
