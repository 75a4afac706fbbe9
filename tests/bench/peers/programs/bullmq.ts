/** BullMQ, run by Node: `node bullmq.ts worker|client`. Reads `REDIS_PORT`.
 *
 * Fast settings: `addBulk`, 256 jobs in flight in one worker. Completed jobs are kept, because Celeriac
 * keeps its records.
 * @module
 */
import process from "node:process";
import { serveCommands } from "../../programs/command_server.ts";
import { keepInFlight, nowMs, pickUpDelays, sendBatches } from "../../programs/load_loops.ts";
import { importPackage } from "./package_import.ts";

const QUEUE = "bench";
const CONCURRENCY = 256;
const BATCH = 1_000;
const BATCHES_IN_FLIGHT = 4;
const CALL_LIMIT_MS = 30_000;

const { Queue, QueueEvents, Worker } = await importPackage("bullmq");
const connection = {
  host: "127.0.0.1",
  port: Number(process.env.REDIS_PORT),
  maxRetriesPerRequest: null,
};

interface Job {
  readonly name: string;
  readonly data: { readonly x: number; readonly y: number };
}

function runJob({ name, data }: Job): Promise<number> {
  return Promise.resolve(name === "stamp" ? nowMs() : data.x + data.y);
}

async function work(): Promise<void> {
  const worker = new Worker(QUEUE, runJob, { connection, concurrency: CONCURRENCY });
  worker.on("error", (error: Error) => console.error(error));
  await worker.waitUntilReady();
  console.log("ready");
}

async function serve(): Promise<void> {
  const queue = new Queue(QUEUE, { connection });
  const events = new QueueEvents(QUEUE, { connection });
  await queue.waitUntilReady();
  await events.waitUntilReady();
  const data = { x: 1, y: 2 };
  const call = async (name: string) => {
    const job = await queue.add(name, data);
    return Number(await job.waitUntilFinished(events, CALL_LIMIT_MS));
  };
  serveCommands({
    fill: ({ tasks = 0 }) =>
      sendBatches(
        tasks,
        BATCH,
        BATCHES_IN_FLIGHT,
        (size) => queue.addBulk(Array.from({ length: size }, () => ({ name: "add", data }))),
      ),
    submit: ({ inFlight = 1, seconds = 1 }) =>
      keepInFlight(inFlight, seconds, () => queue.add("add", data)),
    call: ({ inFlight = 1, seconds = 1 }) => keepInFlight(inFlight, seconds, () => call("add")),
    pickUp: ({ count = 1, pauseMs = 0 }) => pickUpDelays(count, pauseMs, () => call("stamp")),
  });
}

await (process.argv[2] === "worker" ? work() : serve());
