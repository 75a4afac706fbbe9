/** pg-boss, run by Node: `node pg_boss.ts worker|client`. Reads `DATABASE_URL` and `NOTIFY`.
 *
 * Fast settings: `insert` of many jobs, `batchSize` 200, bursts while batches are full. With NOTIFY=1 an
 * insert wakes the workers, else they poll.
 * `perJobResults` stores the output of each job, as Celeriac stores results.
 * @module
 */
import process from "node:process";
import { serveCommands } from "../../programs/command_server.ts";
import { keepInFlight, nowMs, pickUpDelays, sendBatches } from "../../programs/load_loops.ts";
import { importPackage } from "./package_import.ts";

const QUEUE = "bench";
const BATCH = 1_000;
const BATCHES_IN_FLIGHT = 4;
/** Milliseconds between reads of a job that a caller waits for. */
const POLL_MS = 5;

const WORK = {
  batchSize: 200,
  localConcurrency: 2,
  perJobResults: true,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
  notifyPollingIntervalSeconds: 0.5,
};

const notify = process.env.NOTIFY === "1";
const { PgBoss } = await importPackage("pg-boss");
const boss = new PgBoss({
  connectionString: process.env.DATABASE_URL,
  max: 10,
  useListenNotify: notify,
});
boss.on("error", (error: Error) => console.error(error));
await boss.start();

interface Job {
  readonly id: string;
  readonly data: { readonly x: number; readonly y: number; readonly stamp?: boolean };
}

async function work(): Promise<void> {
  await boss.work(QUEUE, WORK, (jobs: readonly Job[]) => {
    const results = jobs.map(({ id, data }) => ({
      id,
      status: "completed",
      output: { value: data.stamp ? nowMs() : data.x + data.y },
    }));
    return Promise.resolve(results);
  });
  console.log("ready");
}

async function stamp(): Promise<number> {
  const id = await boss.send(QUEUE, { x: 1, y: 2, stamp: true });
  while (true) {
    const [job] = await boss.findJobs(QUEUE, { id });
    if (job?.state === "completed") return job.output.value;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function serve(): Promise<void> {
  await boss.createQueue(QUEUE, { notify });
  const data = { x: 1, y: 2 };
  serveCommands({
    fill: ({ tasks = 0 }) =>
      sendBatches(
        tasks,
        BATCH,
        BATCHES_IN_FLIGHT,
        (size) => boss.insert(QUEUE, Array.from({ length: size }, () => ({ data }))),
      ),
    submit: ({ inFlight = 1, seconds = 1 }) =>
      keepInFlight(inFlight, seconds, () => boss.send(QUEUE, data)),
    pickUp: ({ count = 1, pauseMs = 0 }) => pickUpDelays(count, pauseMs, stamp),
  });
}

await (process.argv[2] === "worker" ? work() : serve());
