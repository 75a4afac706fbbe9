/** What each detail of a record costs per task.
 * @module
 */
import { v7 } from "uuid";
import { decodeTask } from "../../../shared/celery/decode.ts";
import type { TaskMessage } from "../../../shared/celery/task_message.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import type { PendingTask } from "../../../shared/results/result.ts";
import { SUBMITTER_HEADER } from "../../../shared/results/submitter_header.ts";
import { SYSTEM_CLOCK } from "../../../shared/runtime/clock.ts";
import { SeriesStore } from "../../../shared/series/series_store.ts";
import { InputKeeper } from "../../../workers/delivery/input_keeper.ts";
import { settlementOf } from "../../../workers/delivery/settlement.ts";
import { SeriesRecorder } from "../../../workers/series_recorder.ts";
import { rawTask } from "../../support/raw_amqp.ts";
import { add } from "../app/contracts.ts";
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { median } from "../kit/statistics.ts";
import { QUEUE } from "../systems/celeriac.ts";
import type { Bench } from "../systems/system.ts";
import type { Measurement } from "./measurement.ts";

/** Tasks of one statement, as under load. */
const BATCH = 100;

const NODE = "celeriac@bench";

/** What causes a detail. */
interface Detail {
  /** Headers of the message. */
  readonly headers?: Readonly<Record<string, unknown>>;
  /** Default `false`. */
  readonly isCounted?: boolean;
  /** Default `false`. */
  readonly keepsInput?: boolean;
  /** Default `true`. */
  readonly isIndexed?: boolean;
}

/** Names of the rows. */
const DETAILS: Readonly<Record<string, Detail>> = {
  "nothing": {},
  "counts per minute": { isCounted: true },
  "parent, root and trace": {
    headers: {
      parent_id: "01990000-0000-7000-8000-000000000001",
      root_id: "01990000-0000-7000-8000-000000000000",
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    },
  },
  "two labels": { headers: { stamps: { order: "7", tenant: "shop" } } },
  "the key that submitted it": { headers: { [SUBMITTER_HEADER]: "key:0123456789ab" } },
  "the input": { keepsInput: true },
  "no indexes by name, queue and worker": { isIndexed: false },
};

const DROP_INDEXES = `
  do $$
  declare one regclass;
  begin
    for one in select indexrelid from pg_index where indrelid = 'celeriac.task'::regclass
      and pg_get_indexdef(indexrelid) like '%hashtext%'
    loop execute format('drop index %s', one); end loop;
  end $$`;

export const recordDetails: Measurement = {
  name: "record-details",
  onRequest: true,
  title: "The cost of each detail of a record",
  method:
    `Tasks become final in batches of ${BATCH}, over one connection and without a broker. Each has a PENDING record. ` +
    "Batches with the detail and batches without it alternate, each in a database of its own; the figures are medians of " +
    "all batches. The database's time is that of the process of the connection. The worker's time is that of its code " +
    "from the message to the statement.",
  contestants: (bench, options) =>
    Object.entries(DETAILS).map(([name, detail]) => ({
      system: { name, durability: "result fsynced" },
      measure: () => measure(detail, bench, options),
    })),
};

async function measure(detail: Detail, bench: Bench, { tasks }: BenchOptions): Promise<Sample[]> {
  await using plain = await openSide({}, bench);
  await using detailed = await openSide(detail, bench);
  const plainTimes: Times[] = [];
  const detailedTimes: Times[] = [];
  const batches = Math.ceil(tasks / BATCH);
  const warmUp = Math.ceil(batches / 4);
  for (let batch = 0; batch < warmUp + batches; batch++) {
    const sides = [[plain, plainTimes], [detailed, detailedTimes]] as const;
    for (const [side, times] of batch % 2 === 0 ? sides : sides.toReversed()) {
      const took = await side.run();
      if (batch >= warmUp) times.push(took);
    }
  }
  return (["database", "worker"] as const).flatMap((part) => {
    const [without, having] = [plainTimes, detailedTimes].map((times) =>
      median(times.map((one) => one[part]))
    );
    return [
      { figure: `${part}, without`, value: without!, unit: "µs per task", better: "lower" },
      { figure: `${part}, with`, value: having!, unit: "µs per task", better: "lower" },
    ] as const;
  });
}

/** CPU time of one batch, microseconds per task. */
interface Times {
  readonly database: number;
  readonly worker: number;
}

/** One database. Disposing deletes it. */
interface Side extends AsyncDisposable {
  /** Settles a batch. */
  run(): Promise<Times>;
}

async function openSide(
  { headers = {}, isCounted = false, keepsInput = false, isIndexed = true }: Detail,
  bench: Bench,
): Promise<Side> {
  await using stack = new AsyncDisposableStack();
  const { client: database } = stack.use(await bench.servers.freshStorage("migrated"));
  if (!isIndexed) await database.query(DROP_INDEXES);
  const [{ pid } = { pid: NaN }] = await database.query<{ pid: number }>(
    "select pg_backend_pid() as pid",
  );
  const results = new PostgresResultStore({ database });
  const contracts = new Registry([add]);
  const store = new SeriesStore({ database });
  const series = new SeriesRecorder({ store, clock: SYSTEM_CLOCK, contracts });
  const kept = { input: add.input, keepInput: { when: "always", redact: [] } } as const;
  const inputs = new InputKeeper({ contracts: { get: () => kept }, maxBytes: 65_536 });

  const settlementFor = (task: TaskMessage, startedAt: Date) => {
    const outcome = { kind: "success", result: "3", stored: true } as const;
    if (isCounted) series.observe({ task, queue: QUEUE, outcome, startedAt, runtime: 0.001 });
    const { id } = task;
    const options = { node: NODE, ...keepsInput && { inputs } };
    const recorded = { state: "SUCCESS", result: "3" } as const;
    return settlementOf({ task, id, queue: QUEUE, startedAt }, recorded, options);
  };
  const owned = stack.move();
  return {
    async run() {
      const messages = Array.from({ length: BATCH }, () => messageOf(headers));
      await results.submitted(messages.map(pendingOf));
      const before = await cpuMsOf(pid);
      const began = performance.now();
      const startedAt = new Date();
      const settled = results.settle(messages.map((task) => settlementFor(task, startedAt)));
      const worker = performance.now() - began;
      await settled;
      const database = await cpuMsOf(pid) - before;
      const per = (ms: number) => ms / BATCH * 1000;
      return { database: per(database), worker: per(worker) };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function pendingOf({ id, task, argsRepr, kwargsRepr }: TaskMessage): PendingTask {
  return { id, name: task, queue: QUEUE, argsRepr, kwargsRepr, submittedAt: new Date() };
}

function messageOf(headers: Readonly<Record<string, unknown>>): TaskMessage {
  const { body, options } = rawTask("add", v7(), { args: [1, 2] }, headers);
  const { contentType, correlationId, headers: sent } = options;
  return decodeTask({
    exchange: "",
    routingKey: QUEUE,
    properties: { contentType: contentType!, correlationId: correlationId! },
    headers: sent,
    body,
  });
}

/** CPU time of a process that has one thread, milliseconds: finer than the ticks of `/proc/PID/stat`. */
async function cpuMsOf(pid: number): Promise<number> {
  const [nanoseconds] = (await Deno.readTextFile(`/proc/${pid}/schedstat`)).split(" ");
  return Number(nanoseconds) / 1e6;
}
