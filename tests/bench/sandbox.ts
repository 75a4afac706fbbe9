/** What sandboxes cost: children of a pool against the same handlers called in this process.
 *
 *     deno task bench:sandbox
 *
 * No server is needed: tasks go straight into the pool.
 * @module
 */
import type { TaskContract } from "../../shared/task.ts";
import { Pools } from "../../workers/sandbox/pools.ts";
import * as app from "../app/contracts.ts";
import { type Row, table } from "./table.ts";

const CHILDREN = 2;
const ROUNDS = 10;
const LIMIT_MS = 200;

const spawns: number[] = [];
const pools = new Pools({
  size: CHILDREN,
  contractsModule: import.meta.resolve("../app/contracts.ts"),
  handlersModule: import.meta.resolve("../app/handlers.ts"),
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
    await rate(CHILDREN, () => run(app.echoProcess, { value: 1 })); // until both are back
  }
  return worst;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

await pools.start();
await rate(1000, () => run(app.echoProcess, { value: 1 })); // warm
const calls = await rate(10_000, () => run(app.echoProcess, { value: 1 }));
const inChildren = await rate(2000, () => run(app.block, { seconds: 0.001 }));
const inline = await rate(2000, () => Promise.resolve(hold(1)));
const resident = await pools.resident() / CHILDREN / 2 ** 20;
const worst = await kills();
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
  { what: "start of a child until it is ready, median", measured: median(spawns), unit: "ms" },
  {
    what: `kill at the hard limit, worst of ${ROUNDS}`,
    measured: worst,
    unit: "ms late",
    target: { atMost: 100 },
  },
  { what: "memory of a child", measured: resident, unit: "MiB" },
];
console.log(table(rows));
