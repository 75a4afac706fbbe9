/** The targets, as ratios in one run where possible: a ratio depends less on the machine than a rate.
 * @module
 */
import type { Figure } from "../kit/figures.ts";
import { formatAmount } from "./amounts.ts";

/** A target and what a run has reached. */
export interface TargetResult {
  readonly what: string;
  readonly reached: string;
  readonly target: string;
  /** What the floor has reached: the least code with the same promises. */
  readonly floor?: string;
  readonly met: boolean;
}

/** Names a figure. */
type Select = (figures: readonly Figure[]) => number | undefined;

interface Target {
  readonly what: string;
  readonly value: Select;
  /** The same figure of the least code. */
  readonly floor?: Select;
  /** Divides the value; absent for an absolute target. */
  readonly baseline?: Select;
  readonly unit: string;
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
}

const of = (measurement: string, system: string, figure: string): Select => (figures) =>
  figures.find((one) =>
    one.measurement === measurement && one.system === system && one.figure === figure
  )?.median;

/** The largest median among figures of a measurement. */
const worst = (measurement: string, figure: RegExp): Select => (figures) => {
  const medians = figures
    .filter((one) => one.measurement === measurement && figure.test(one.figure))
    .map(({ median }) => median);
  return medians.length === 0 ? undefined : Math.max(...medians);
};

/** The largest median of a figure among the variants of a system. */
const best = (measurement: string, systems: RegExp, figure: string): Select => (figures) => {
  const medians = figures
    .filter((one) => one.measurement === measurement && systems.test(one.system))
    .filter((one) => one.figure === figure)
    .map(({ median }) => median);
  return medians.length === 0 ? undefined : Math.max(...medians);
};

/** A figure of the system that comes last: the largest backlog. */
const last = (measurement: string, figure: string): Select => (figures) =>
  figures.findLast((one) => one.measurement === measurement && one.figure === figure)?.median;

const LOOP = "bare amqplib loop, same promises";
const HANDLER = "bare Hono handler";
const SAME_HANDLER = `${HANDLER}, same promises`;
/** The floor of a measurement of calls; runs of earlier versions only have the one without a record. */
const callFloor = (measurement: string, figure: string): Select => (figures) =>
  of(measurement, SAME_HANDLER, figure)(figures) ?? of(measurement, HANDLER, figure)(figures);
const throughput = of("end-to-end", "Celeriac", "throughput");
const floorThroughput = of("end-to-end", LOOP, "throughput");

const TARGETS: readonly Target[] = [
  {
    what: "end to end, against BullMQ everysec",
    value: throughput,
    floor: floorThroughput,
    baseline: of("end-to-end", "BullMQ, everysec", "throughput"),
    unit: "x",
    bound: { atLeast: 1.5 },
  },
  {
    what: "end to end, against pg-boss with outputs",
    value: throughput,
    floor: floorThroughput,
    baseline: best("end-to-end", /^pg-boss/, "throughput"),
    unit: "x",
    bound: { atLeast: 1 },
  },
  {
    what: "end to end, against Celery with reused connections",
    value: throughput,
    floor: floorThroughput,
    baseline: of("end-to-end", "Celery, reused connections", "throughput"),
    unit: "x",
    bound: { atLeast: 25 },
  },
  {
    what: "end to end, CPU",
    value: of("end-to-end", "Celeriac", "CPU"),
    floor: of("end-to-end", LOOP, "CPU"),
    unit: "ms per task",
    bound: { atMost: 0.14 },
  },
  {
    what: "drain, against the bare amqplib loop",
    value: of("drain", "Celeriac", "throughput"),
    floor: of("drain", LOOP, "throughput"),
    baseline: of("drain", "bare amqplib loop", "throughput"),
    unit: "x",
    bound: { atLeast: 0.8 },
  },
  {
    what: "single submissions, against the bare Hono handler",
    value: of("submissions", "Celeriac", "throughput"),
    floor: of("submissions", SAME_HANDLER, "throughput"),
    baseline: of("submissions", HANDLER, "throughput"),
    unit: "x",
    bound: { atLeast: 0.8 },
  },
  {
    what: "waited call, 1 client, p50",
    value: of("calls-1", "Celeriac", "p50"),
    floor: callFloor("calls-1", "p50"),
    unit: "ms",
    bound: { atMost: 4 },
  },
  {
    what: "waited call, 1 client, p99",
    value: of("calls-1", "Celeriac", "p99"),
    floor: callFloor("calls-1", "p99"),
    unit: "ms",
    bound: { atMost: 10 },
  },
  {
    what: "waited call, 1 client, p50 against Celery rpc://",
    value: of("calls-1", "Celeriac", "p50"),
    floor: callFloor("calls-1", "p50"),
    baseline: of("calls-1", "Celery, rpc://", "p50"),
    unit: "x",
    bound: { atMost: 1 },
  },
  {
    what: "waited call, 16 clients, p50",
    value: of("calls-16", "Celeriac", "p50"),
    floor: callFloor("calls-16", "p50"),
    unit: "ms",
    bound: { atMost: 12 },
  },
  {
    what: "waited call, 16 clients, p50 against Celery rpc://",
    value: of("calls-16", "Celeriac", "p50"),
    floor: callFloor("calls-16", "p50"),
    baseline: of("calls-16", "Celery, rpc://", "p50"),
    unit: "x",
    bound: { atMost: 1 },
  },
  {
    what: "idle pick-up, p99",
    value: of("idle-pick-up", "Celeriac", "p99"),
    floor: of("idle-pick-up", SAME_HANDLER, "p99"),
    unit: "ms",
    bound: { atMost: 8 },
  },
  {
    what: "cost of a task at the largest backlog, against 10,000 queued",
    value: last("backlog", "CPU"),
    baseline: of("backlog", "Celeriac, 10,000 queued", "CPU"),
    unit: "x",
    bound: { atMost: 1.1 },
  },
  {
    what: "memory of the worker at the end, against a tenth of the tasks",
    value: last("backlog", "memory of the worker at the end"),
    baseline: last("backlog", "memory of the worker after 10 % of the tasks"),
    unit: "x",
    bound: { atMost: 1.1 },
  },
  {
    // Charts and the overview are no lists: they add up tables.
    what: "lists, the slowest one, p99",
    value: worst("listing", /^(?!series|page of charts|overview).*: p99$/),
    unit: "ms",
    bound: { atMost: 50 },
  },
  {
    what: "503 while both servers are silent",
    value: of("refusal", "Celeriac", "slowest"),
    unit: "ms",
    bound: { atMost: 2_000 },
  },
  {
    what: "idle worker, resident memory",
    value: of("idle-worker", "Celeriac", "resident"),
    floor: of("idle-worker", LOOP, "resident"),
    unit: "MiB",
    bound: { atMost: 90 },
  },
];

/** Compares a run with the targets. A target whose figures were not measured is left out. */
export function compareTargets(figures: readonly Figure[]): TargetResult[] {
  return TARGETS.flatMap(({ what, value, floor, baseline, unit, bound }) => {
    const measured = value(figures);
    const divisor = baseline ? baseline(figures) : 1;
    if (measured === undefined || divisor === undefined) return [];
    const reached = measured / divisor;
    const least = floor?.(figures);
    const met = "atLeast" in bound ? reached >= bound.atLeast : reached <= bound.atMost;
    const limit = "atLeast" in bound
      ? `>= ${bound.atLeast.toLocaleString("en")}`
      : `<= ${bound.atMost.toLocaleString("en")}`;
    return [{
      what,
      reached: `${formatAmount(reached)} ${unit}`,
      target: `${limit} ${unit}`,
      ...least !== undefined && { floor: `${formatAmount(least / divisor)} ${unit}` },
      met,
    }];
  });
}
