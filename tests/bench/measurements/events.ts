/** Events: accepted, dispatched to subscriptions, and run as tasks.
 * @module
 */
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { celeriac, openCeleriac } from "../systems/celeriac.ts";
import type { Bench } from "../systems/system.ts";
import { untilFinished } from "./completion.ts";
import { WARM_UP } from "./end_to_end.ts";
import type { Measurement } from "./measurement.ts";
import { countCpu } from "./usage_window.ts";

/** Number of subscriptions, and the contracts that have them. */
const CONTRACTS = [
  [1, "tests/bench/app/events/contracts_1.ts"],
  [10, "tests/bench/app/events/contracts_10.ts"],
  [100, "tests/bench/app/events/contracts_100.ts"],
] as const;

/** With many subscriptions there are few events for the same number of tasks: at least this part of it. */
const LEAST = 0.01;

const LAST_RECORDED =
  "select extract(epoch from max(recorded_at))::float8 * 1000 as ms from celeriac.event";

export const events: Measurement = {
  name: "events",
  title: "Events",
  method:
    "A client publishes events over HTTP in batches of 100 CloudEvents. Each event becomes a task " +
    "of each subscription. `accepted` ends with the last 202, `fanned out` with the record of the " +
    "last event, whose tasks are then published, and `tasks run` with the record of the last task. " +
    "One API, one beat and one worker share the machine.",
  contestants: (bench, options) =>
    CONTRACTS.map(([count, contracts]) => ({
      system: {
        ...celeriac(1),
        name: count === 1 ? "Celeriac, 1 subscription" : `Celeriac, ${count} subscriptions`,
      },
      large: true,
      measure: () => measure(count, contracts, bench, options),
    })),
};

async function measure(
  count: number,
  contracts: string,
  bench: Bench,
  { tasks }: BenchOptions,
): Promise<Sample[]> {
  const published = Math.ceil(Math.max(tasks / count / 2, tasks * LEAST));
  const warmUp = Math.ceil(published * WARM_UP);
  await using open = await openCeleriac(bench, { contracts, beat: true });
  await open.startWorkers();
  await open.publish(warmUp);
  await untilFinished(open, warmUp * count, bench.signal);
  const endCpu = await countCpu(open);
  const { beganMs, endedMs } = await open.publish(published);
  await untilFinished(open, (warmUp + published) * count, bench.signal);
  const cpu = await endCpu(published * count);
  const [recorded] = await open.storage.client.query<{ ms: number }>(LAST_RECORDED);
  const rate = (figure: string, items: number, untilMs: number, unit: string): Sample => {
    const seconds = (untilMs - beganMs) / 1000;
    return { figure, value: items / seconds, unit, better: "higher" };
  };
  return [
    rate("accepted", published, endedMs, "events/s"),
    rate("fanned out", published, recorded?.ms ?? NaN, "events/s"),
    rate("tasks run", published * count, await open.lastFinishedMs(), "tasks/s"),
    ...cpu,
  ];
}
