/** Benchmark of the sandbox: child processes of a pool compared with the same handlers in this process.
 *
 *     deno task bench:sandbox
 *
 * No server is needed: tasks go straight into the pool.
 * @module
 */
import type { TaskContract } from "../../shared/contracts/task.ts";
import { ChildModules } from "../../workers/sandbox/child_modules.ts";
import { Pools } from "../../workers/sandbox/pools.ts";
import * as app from "../app/contracts.ts";
import { type Row, table } from "./table.ts";

const CHILDREN = 2;
const ROUNDS = 10;
const LIMIT_MS = 200;
/** Callers that submit tasks one after the other while another task is killed. */
const NEIGHBOURS = 50;
/** Milliseconds from a caller's result to its next task. */
const PAUSE_MS = 100;
const SECONDS = 10;

const spawns: number[] = [];
const pools = new Pools({
  size: CHILDREN,
  contracts: [],
  modules: new ChildModules(import.meta.resolve("../app/handlers.ts")),
  warm: [app.block],
  monitor: { spawned: (seconds) => void spawns.push(seconds * 1000), ended() {} },
});

function run(contract: TaskContract, input: Record<string, unknown>, hard?: number) {
  const timeLimit = hard === undefined ? {} : { hard };
  const task = { id: "bench", name: contract.name, input, attempt: 1, deliveries: 1, timeLimit };
  return pools.run(contract, task);
}

/** Keeps every child busy. @returns tasks per second */
async function rate(tasks: number, call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  let left = tasks;
  await Promise.all(Array.from({ length: CHILDREN }, async () => {
    while (left-- > 0) await call();
  }));
  return tasks / (performance.now() - began) * 1000;
}

function hold(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

async function overrun(): Promise<number> {
  const began = performance.now();
  await run(app.block, {}, LIMIT_MS / 1000).catch(() => {});
  return performance.now() - began - LIMIT_MS;
}

async function kills(): Promise<number> {
  let worst = 0;
  for (let round = 0; round < ROUNDS; round++) {
    worst = Math.max(worst, await overrun());
    await rate(CHILDREN, () => run(app.echoProcess, { value: 1 })); // until both are replaced
  }
  return worst;
}

/** 99th percentile round trip of the callers' tasks, milliseconds. */
async function neighbours(): Promise<number> {
  const took: number[] = [];
  const end = performance.now() + SECONDS * 1000;
  await Promise.all(Array.from({ length: NEIGHBOURS }, async (_, index) => {
    await pause(index * PAUSE_MS / NEIGHBOURS);
    while (performance.now() < end) {
      const began = performance.now();
      await run(app.echoProcess, { value: 1 });
      took.push(performance.now() - began);
      await pause(PAUSE_MS);
    }
  }));
  return quantile(took, 0.99);
}

/** Once per second a task exceeds its time limit and occupies a child and a core until it is killed. */
async function besideKills<Value>(measure: Promise<Value>): Promise<Value> {
  let measuring = true;
  const kills = (async () => {
    while (measuring) {
      await overrun();
      await pause(1000 - LIMIT_MS);
    }
  })();
  const value = await measure;
  measuring = false;
  await kills;
  return value;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? NaN;
}

await pools.start();
await rate(1000, () => run(app.echoProcess, { value: 1 })); // warm
const calls = await rate(10_000, () => run(app.echoProcess, { value: 1 }));
const inChildren = await rate(2000, () => run(app.block, { seconds: 0.001 }));
const inline = await rate(2000, () => Promise.resolve(hold(1)));
const resident = await pools.resident() / CHILDREN / 2 ** 20;
const worst = await kills();
const alone = await neighbours();
const beside = await besideKills(neighbours());
await pools.stop();

const rows: Row[] = [
  { what: "calls of a child that do nothing", measured: calls, unit: "calls/s" },
  {
    what: "tasks that compute for 1 ms: in 2 children, and inline",
    measured: inChildren,
    unit: "tasks/s",
    baseline: inline,
    target: { ratio: 0.5 },
  },
  {
    what: "start of a child until it is ready, median",
    measured: quantile(spawns, 0.5),
    unit: "ms",
  },
  {
    what: `kill at the hard limit, worst of ${ROUNDS}`,
    measured: worst,
    unit: "ms late",
    target: { atMost: 100 },
  },
  {
    what: `${NEIGHBOURS} neighbours, 99th percentile of the duration`,
    measured: alone,
    unit: "ms",
  },
  { what: "the same while a task is killed each second", measured: beside, unit: "ms" },
  { what: "memory of a child", measured: resident, unit: "MiB" },
];
console.log(table(rows));
