/** The cost of a task while many others are queued, and the memory of the worker over all of them.
 * @module
 */
import { type RawChannel, rawChannel } from "../../support/raw_amqp.ts";
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { readMemory } from "../kit/process_usage.ts";
import { nowMs } from "../programs/load_loops.ts";
import { celeriac, type OpenCeleriac, openCeleriac, QUEUE } from "../systems/celeriac.ts";
import type { Bench } from "../systems/system.ts";
import type { Measurement } from "./measurement.ts";
import { countCpu } from "./usage_window.ts";

/** Tasks that come first, as a part of the measured ones. */
const WARM_UP = 0.5;

/** A backlog of which one round takes half a minute, or minutes. */
const LARGE = 100_000;

/** Milliseconds between reads of the length of the queue. */
const POLL_MS = 20;
const STALLED_MS = 60_000;

export const backlog: Measurement = {
  name: "backlog",
  title: "Cost of a task by the number of queued tasks",
  method:
    "The API accepts all tasks. Then the database does its background work: vacuum and checkpoint. Then a worker starts, and a fixed number of tasks is measured " +
    "while at least the given number of others stays queued. At the largest backlog the worker " +
    "then runs all of them: its memory is read after a tenth and at the end.",
  contestants: (bench, options) =>
    levels(options).map((queued) => ({
      system: { ...celeriac(1), name: `Celeriac, ${queued.toLocaleString("en")} queued` },
      large: queued >= LARGE,
      measure: () => measure(queued, bench, options),
    })),
};

/** Powers of ten from 1,000 to the largest backlog. */
function levels(options: BenchOptions): number[] {
  const largest = largestBacklog(options);
  const all: number[] = [];
  for (let queued = 1_000; queued < largest; queued *= 10) all.push(queued);
  return [...all, largest];
}

/** A table of more rows takes minutes; a longer queue would take an hour. */
function largestBacklog({ records }: BenchOptions): number {
  return Math.min(records, 1e6);
}

async function measure(queued: number, bench: Bench, options: BenchOptions): Promise<Sample[]> {
  const measured = Math.ceil(options.tasks / 3);
  const warmUp = Math.ceil(measured * WARM_UP);
  await using open = await openCeleriac(bench);
  await using amqp = await rawChannel(open.storage.amqpUrl);
  await open.fill(queued + warmUp + measured);
  // The server would do this meanwhile, at the expense of the measured tasks.
  await open.storage.client.query("vacuum analyze celeriac.task");
  await open.storage.client.query("checkpoint");
  let base = { left: await lengthOf(amqp), ms: nowMs(), endCpu: await countCpu(open) };
  await open.startWorkers();
  const left = await untilAtMost(amqp, queued + measured, bench.signal);
  // in a smoke run the worker may be further already
  if (left > queued) base = { left, ms: nowMs(), endCpu: await countCpu(open) };
  const end = await untilAtMost(amqp, queued, bench.signal);
  const seconds = (nowMs() - base.ms) / 1000;
  const tasks = Math.max(base.left - end, 1);
  const cpu = await base.endCpu(tasks);
  const memory = queued === largestBacklog(options) ? await runAll(open, amqp, queued, bench) : [];
  return [
    ...cpu,
    { figure: "throughput", value: tasks / seconds, unit: "tasks/s", better: "higher" },
    ...memory,
  ];
}

/** Runs the rest, and reads the memory of the worker on the way. */
async function runAll(
  open: OpenCeleriac,
  amqp: RawChannel,
  queued: number,
  { signal }: Bench,
): Promise<Sample[]> {
  const read = async (when: string): Promise<Sample> => {
    const { worker = NaN } = await readMemory(open.parts());
    return { figure: `memory of the worker ${when}`, value: worker, unit: "MiB", better: "lower" };
  };
  await untilAtMost(amqp, Math.floor(queued * 0.9), signal);
  const early = await read("after 10 % of the tasks");
  await untilAtMost(amqp, 0, signal);
  return [early, await read("at the end")];
}

/** Messages that no worker has received yet. Asking the broker is cheaper than counting a million rows. */
async function lengthOf({ channel }: RawChannel): Promise<number> {
  return (await channel.checkQueue(QUEUE)).messageCount;
}

/** Waits until at most this many messages are queued, and returns how many there are. */
async function untilAtMost(
  amqp: RawChannel,
  messages: number,
  signal: AbortSignal,
): Promise<number> {
  let last = { length: await lengthOf(amqp), at: performance.now() };
  while (last.length > messages) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const length = await lengthOf(amqp);
    if (length !== last.length) last = { length, at: performance.now() };
    if (performance.now() - last.at > STALLED_MS) {
      throw new Error(`${length} tasks are queued, and no worker took one in the last minute`);
    }
  }
  return last.length;
}
