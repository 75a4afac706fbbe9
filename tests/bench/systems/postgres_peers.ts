/** The peers that need nothing but Postgres: pg-boss and graphile-worker.
 * @module
 */
import type { Env } from "../kit/program.ts";
import type { PeerProgram } from "../peers/installation.ts";
import type { Storage } from "../kit/servers.ts";
import { clientCommands } from "./client_commands.ts";
import { completionsOf } from "./completions.ts";
import type { Ability, Bench, OpenSystem, System } from "./system.ts";

type Completions = Pick<OpenSystem, "finished" | "lastFinishedMs">;

/** NOTIFY makes a difference for submissions, not for a full queue. */
const ABILITIES: Readonly<Record<"notify" | "polling", readonly Ability[]>> = {
  notify: ["endToEnd", "drain", "submit", "pickUp"],
  polling: ["endToEnd", "submit"],
};

/** pg-boss; the output of each job is stored.
 *
 * @param wakes `notify`: a submission wakes the workers; `polling`: they poll every half second, and submissions are cheaper */
export function pgBoss(wakes: "notify" | "polling"): System {
  const completions = ({ client }: Storage) =>
    completionsOf(client, {
      table: "pgboss.job",
      completed: "name = 'bench' AND state = 'completed'",
      time: "completed_on",
    });
  return {
    name: `pg-boss, ${wakes}`,
    durability: "submission and result fsynced",
    peer: true,
    share: 1,
    abilities: ABILITIES[wakes],
    open: (bench) =>
      openOnPostgres(bench, "peers/programs/pg_boss.ts", completions, {
        NOTIFY: wakes === "notify" ? "1" : "0",
      }),
  };
}

/** graphile-worker; it keeps no result. */
export function graphileWorker(): System {
  return {
    name: "graphile-worker",
    durability: "submission fsynced; no result kept",
    peer: true,
    share: 1,
    abilities: ["endToEnd", "drain", "submit", "pickUp"],
    open: (bench) => openOnPostgres(bench, "peers/programs/graphile_worker.ts", deletions, {}),
  };
}

async function openOnPostgres(
  bench: Bench,
  program: PeerProgram,
  completions: (storage: Storage) => Completions & { filled?(tasks: number): void },
  settings: Env,
): Promise<OpenSystem> {
  const peers = await bench.peers();
  await using stack = new AsyncDisposableStack();
  const storage = stack.use(await bench.servers.freshStorage("empty"));
  const env = { ...settings, DATABASE_URL: storage.databaseUrl };
  const client = stack.use(await peers.client(program, env));
  const commands = clientCommands(client);
  const { finished, lastFinishedMs, filled } = completions(storage);
  const workers: number[] = [];
  const owned = stack.move();
  return {
    parts: () => ({
      client: [client.pid],
      worker: workers,
      database: [bench.servers.postgres.pid],
    }),
    async startWorkers() {
      const worker = owned.use(await peers.worker(program, env));
      workers.push(worker.pid);
    },
    ...commands,
    fill(tasks) {
      filled?.(tasks);
      return commands.fill(tasks);
    },
    finished,
    lastFinishedMs,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Completions of graphile-worker: it deletes the row, so the time is that of the first count without it. */
function deletions({ client }: Storage): Completions & { filled(tasks: number): void } {
  const counting = "SELECT count(*)::int AS count FROM graphile_worker._private_jobs";
  let submitted = 0;
  let last = { count: 0, ms: NaN };
  return {
    filled: (tasks) => void (submitted += tasks),
    async finished() {
      const [row] = await client.query<{ count: number }>(counting);
      const count = submitted - (row?.count ?? 0);
      if (count !== last.count) last = { count, ms: Date.now() };
      return count;
    },
    lastFinishedMs: () => Promise.resolve(last.ms),
  };
}
