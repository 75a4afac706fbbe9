/** The measurements: each alternates rounds of Celeriac and of the baseline, and returns the medians.
 * @module
 */
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { v7 } from "uuid";
import { Process, run } from "../support/process.ts";
import { TcpProxy } from "../support/proxy.ts";
import { residentMebibytes } from "../support/resident.ts";
import { publishRaw, rawChannel, rawTask } from "../support/raw_amqp.ts";
import { checkout, migrate, sampleApp, startApi, startWorker } from "../support/roles.ts";
import { freshDatabase, freshVhost } from "../support/servers.ts";
import type { Row } from "./table.ts";

/** Size of the measurements. */
export interface Effort {
  /** Messages in a round: enough for some seconds, because the first ones include JIT compilation. */
  readonly tasks: number;
  /** Number of rounds; the result is the median. */
  readonly rounds: number;
  /** Seconds of HTTP load in a round. */
  readonly seconds: number;
}

type Say = (line: string) => void;

const queue = "celeriac.default";

/** Prefetch: the worker's default, 8 times its concurrency of 32; also for the baseline. */
const prefetch = 256;

/** Connections of the load generator. */
const connections = 64;

/** Consume, run, commit, ack: the worker, a bare amqplib loop that commits the same record to the same table, and one that
 * commits a smaller row. */
export async function measureWorker(effort: Effort, say: Say): Promise<Row[]> {
  const ours: number[] = [];
  const record: number[] = [];
  const row: number[] = [];
  for (let round = 0; round < effort.rounds; round++) {
    record.push(await rateOf(effort, (env) => startBareWorker(env, "record"), "celeriac.task"));
    ours.push(await rateOf(effort, (env) => startWorker({ env }), "celeriac.task"));
    row.push(await rateOf(effort, (env) => startBareWorker(env, "row"), "bare"));
    const [worker, same, less] = [ours, record, row].map((rates) => Math.round(rates.at(-1) ?? 0));
    say(`worker ${worker}/s, bare loop ${same}/s, with a smaller row ${less}/s`);
  }
  const measured = { measured: median(ours), unit: "tasks/s" };
  return [
    {
      what: "worker: consume, run, commit, ack",
      ...measured,
      baseline: median(record),
      target: { ratio: 0.6 },
    },
    {
      what: "the same, baseline with three columns and no index",
      ...measured,
      baseline: median(row),
    },
  ];
}

/** Submission over HTTP: the API and a bare Hono handler with one confirmed publish. */
export async function measureSubmission(effort: Effort, say: Say): Promise<Row> {
  const bare: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < effort.rounds; round++) {
    for (const [start, rates] of [[startBareApi, bare], [startOwnApi, ours]] as const) {
      await using servers = await freshServers();
      await using api = await start(servers.env);
      const [, url = ""] = await api.said(/ready at (http:\S+)/);
      await load(url, 2); // warm
      rates.push(await load(url, effort.seconds));
    }
    say(`API ${Math.round(ours.at(-1) ?? 0)}/s, bare handler ${Math.round(bare.at(-1) ?? 0)}/s`);
  }
  return {
    what: "API: submission over HTTP",
    measured: median(ours),
    unit: "requests/s",
    baseline: median(bare),
    target: { ratio: 0.6 },
  };
}

/** Time from a batch of submissions to the last committed result, with one API and one worker. */
export async function measureBatch(effort: Effort, say: Say): Promise<Row> {
  const tasks = 5_000;
  const line = `{"name":"add","args":[1,2]}\n`;
  const rates: number[] = [];
  for (let round = 0; round < effort.rounds; round++) {
    await using servers = await freshServers();
    const { api, url } = await startApi(servers);
    await using _api = api;
    await using _worker = await startWorker(servers);
    const start = Date.now();
    const answer = await fetch(`${url}/v1/tasks:batch`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: line.repeat(tasks),
    });
    const refused = (await answer.text()).split("\n").filter((text) => text.includes(`"title"`));
    if (!answer.ok || refused.length > 0) {
      throw new Error(`Refused: ${answer.status} ${refused[0]}`);
    }
    await allDone(servers, "celeriac.task", tasks);
    const rows = await servers.client.query<{ last: Date }>(
      "SELECT max(finished_at) AS last FROM celeriac.task",
    );
    rates.push(tasks / (((rows[0]?.last.getTime() ?? NaN) - start) / 1000));
    say(`batch of ${tasks}: ${Math.round(rates.at(-1) ?? 0)}/s to the last result`);
  }
  return { what: "end to end: batch of 5,000", measured: median(rates), unit: "tasks/s" };
}

/** Memory of a worker that waits for its first task, and of its children: two that it keeps warm for the sample app, and their process monitor. */
export async function measureIdle(_effort: Effort, say: Say): Promise<Row[]> {
  await using servers = await freshServers();
  await using worker = await startWorker(servers);
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const alone = await residentMebibytes(worker.pid);
  const children = (await run("pgrep", ["-P", `${worker.pid}`])).trim().split("\n").map(Number);
  const theirs = await Promise.all(children.map(residentMebibytes));
  const all = theirs.reduce((sum, one) => sum + one, alone);
  say(`idle worker ${Math.round(alone)} MiB, with its children ${Math.round(all)} MiB`);
  return [
    {
      what: "idle worker: resident memory",
      measured: alone,
      unit: "MiB",
      target: { atMost: 100 },
    },
    { what: "idle worker and its 2 warm children, in all", measured: all, unit: "MiB" },
  ];
}

/** Time until callers get a 503 if broker and database accept connections but do not respond. */
export async function measureRefusal(_effort: Effort, say: Say): Promise<Row> {
  await using servers = await freshServers();
  const { AMQP_URL = "", DATABASE_URL = "" } = servers.env;
  await using broker = TcpProxy.of(AMQP_URL);
  await using database = TcpProxy.of(DATABASE_URL);
  const env = {
    ...sampleApp,
    AMQP_URL: broker.through(AMQP_URL),
    DATABASE_URL: database.through(DATABASE_URL),
  };
  const { api, url } = await startApi({ env });
  await using _api = api;
  const submit = async (status: number) => {
    const began = performance.now();
    const answer = await fetch(`${url}/v1/tasks/add`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: `{"args": [1, 2]}`,
    });
    await answer.body?.cancel();
    if (answer.status !== status) throw new Error(`Expected ${status}, got ${answer.status}`);
    return performance.now() - began;
  };
  for (let count = 0; count < 50; count++) await submit(202);
  for (const proxy of [broker, database]) proxy.swallow("to client");
  const all = await Promise.all(Array.from({ length: 200 }, () => submit(503)));
  for (const proxy of [broker, database]) proxy.cut();
  const worst = Math.max(...all);
  say(`200 callers at once refused within ${Math.round(worst)} ms`);
  return {
    what: "API: 503 when both servers are silent",
    measured: worst,
    unit: "ms",
    target: { atMost: 2000 },
  };
}

interface Servers extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  readonly client: PostgresDatabase;
  readonly amqpUrl: string;
}

async function freshServers(): Promise<Servers> {
  await using stack = new AsyncDisposableStack();
  const vhost = stack.use(await freshVhost());
  const database = stack.use(await freshDatabase());
  await migrate(database.url);
  const client = stack.use(new PostgresDatabase({ url: database.url, max: 1 }));
  await client.start();
  const owned = stack.move();
  return {
    env: { ...sampleApp, AMQP_URL: vhost.url, DATABASE_URL: database.url },
    client,
    amqpUrl: vhost.url,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type Env = Readonly<Record<string, string>>;
type Start = (env: Env) => Promise<Process>;

async function startBareWorker(env: Env, kind: "record" | "row"): Promise<Process> {
  const worker = startProgram("bare_worker.ts", [queue, `${prefetch}`, kind], env);
  await worker.said(/ready/);
  return worker;
}

const startBareApi: Start = async (env) => {
  await using amqp = await rawChannel(env.AMQP_URL ?? "");
  await declareQueue(amqp.channel);
  return startProgram("bare_api.ts", [queue], env);
};

const startOwnApi: Start = async (env) => (await startApi({ env })).api;

function startProgram(name: string, args: string[], env: Readonly<Record<string, string>>) {
  const program = ["run", "-A", `${checkout}tests/bench/${name}`, ...args];
  return Process.start(Deno.execPath(), program, { env: { ...env }, cwd: checkout });
}

/** Fills a queue and starts a worker: the rate between its first and last commit. */
async function rateOf(
  { tasks }: Effort,
  start: Start,
  relation: string,
): Promise<number> {
  await using servers = await freshServers();
  {
    await using amqp = await rawChannel(servers.amqpUrl);
    await declareQueue(amqp.channel);
    const messages = Array.from(
      { length: tasks },
      (_, index) => rawTask("add", v7(), { args: [index, 1] }),
    );
    await publishRaw(amqp, "", queue, messages);
  }
  await using _worker = await start(servers.env);
  await allDone(servers, relation, tasks);
  const rows = await servers.client.query<{ seconds: number }>(
    `SELECT extract(epoch FROM max(finished_at) - min(finished_at))::float8 AS seconds FROM ${relation}`,
  );
  return tasks / (rows[0]?.seconds ?? NaN);
}

/** Polls rarely, because counting slows down the measured program. */
async function allDone({ client }: Servers, relation: string, tasks: number): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    const rows = await client.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${relation} WHERE state = 'SUCCESS'`,
    );
    if (rows[0]?.count === tasks) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`Not all of ${tasks} tasks finished within 2 minutes`);
}

async function declareQueue(
  channel: Awaited<ReturnType<typeof rawChannel>>["channel"],
): Promise<void> {
  await channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum" } });
}

async function load(url: string, seconds: number): Promise<number> {
  const lock = `--lock=${checkout}tests/deno.lock`;
  const program = `${checkout}tests/bench/load.ts`;
  const args = ["run", "-A", lock, program, url, `${connections}`, `${seconds}`];
  const output = await run(Deno.execPath(), args, { cwd: checkout });
  const { rate, refused } = JSON.parse(output);
  if (refused > 0) throw new Error(`${refused} submissions were not accepted: ${output}`);
  return rate;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
