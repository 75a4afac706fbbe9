/** graphile-worker, run by Node: `node graphile_worker.ts worker|client`. Reads `DATABASE_URL`.
 *
 * Fast settings, those of its own benchmark: 24 jobs at a time, a local queue of 500, completions in
 * batches. It deletes completed jobs and keeps no result.
 * @module
 */
import process from "node:process";
import { serveCommands } from "../../programs/command_server.ts";
import { keepInFlight, nowMs, pickUpDelays, sendBatches } from "../../programs/load_loops.ts";
import { importPackage } from "./package_import.ts";

const CONCURRENT_JOBS = 24;
const BATCH = 1_000;
const BATCHES_IN_FLIGHT = 4;
/** Milliseconds between reads of the table of stamps. */
const POLL_MS = 5;

const connectionString = process.env.DATABASE_URL;
const { makeWorkerUtils, run, WorkerPreset, Logger } = await importPackage("graphile-worker");
const logger = new Logger(() => () => {});

/** Runs one statement. */
type Query = (
  statement: string,
  values: readonly unknown[],
) => Promise<{ rows: { began: number }[] }>;

interface Payload {
  readonly x: number;
  readonly y: number;
  readonly id: string;
}

async function work(): Promise<void> {
  await run({
    preset: {
      extends: [WorkerPreset],
      worker: {
        connectionString,
        logger,
        concurrentJobs: CONCURRENT_JOBS,
        maxPoolSize: CONCURRENT_JOBS + 2,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
    noHandleSignals: true,
    taskList: {
      add: ({ x, y }: Payload) => void (x + y),
      async stamp({ id }: Payload, { query }: { query: Query }) {
        const began = nowMs();
        await query("INSERT INTO bench_stamp (id, began) VALUES ($1, $2)", [id, began]);
      },
    },
  });
  console.log("ready");
}

async function serve(): Promise<void> {
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  const query: Query = (statement, values) =>
    utils.withPgClient((client: { query: Query }) => client.query(statement, values));
  await query("CREATE TABLE IF NOT EXISTS bench_stamp (id text PRIMARY KEY, began float8)", []);
  const payload = { x: 1, y: 2 };
  const stamp = async () => {
    const id = crypto.randomUUID();
    await utils.addJob("stamp", { ...payload, id });
    while (true) {
      const { rows } = await query("SELECT began FROM bench_stamp WHERE id = $1", [id]);
      if (rows[0]) return rows[0].began;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  serveCommands({
    fill: ({ tasks = 0 }) =>
      sendBatches(
        tasks,
        BATCH,
        BATCHES_IN_FLIGHT,
        (size) =>
          utils.addJobs(Array.from({ length: size }, () => ({ identifier: "add", payload }))),
      ),
    submit: ({ inFlight = 1, seconds = 1 }) =>
      keepInFlight(inFlight, seconds, () => utils.addJob("add", payload)),
    pickUp: ({ count = 1, pauseMs = 0 }) => pickUpDelays(count, pauseMs, stamp),
  });
}

await (process.argv[2] === "worker" ? work() : serve());
