/** Runs measurements in rounds, in which the systems alternate.
 * @module
 */
import type { Measurement } from "../measurements/measurement.ts";
import type { Bench } from "../systems/system.ts";
import type { RoundResult } from "./figures.ts";
import type { BenchOptions } from "./options.ts";

/** Contestants of a smoke run that are measured at the same time: their figures mean nothing. */
const SMOKE_PARALLEL = 3;

/** One contestant in one round. */
interface Turn {
  readonly label: string;
  run(): Promise<RoundResult>;
}

/** Runs all rounds of all measurements, one contestant after the other.
 *
 * @throws if a contestant fails; the message names it */
export async function runRounds(
  measurements: readonly Measurement[],
  bench: Bench,
  options: BenchOptions,
): Promise<RoundResult[]> {
  const turns = measurements.flatMap((measurement) => turnsOf(measurement, bench, options));
  const results: RoundResult[] = new Array(turns.length);
  let next = 0;
  let failed = false;
  const runTurns = async () => {
    while (next < turns.length && !failed) {
      const index = next++;
      bench.signal.throwIfAborted();
      try {
        results[index] = await runTurn(turns[index]!, `${index + 1}/${turns.length}`, bench);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const parallel = options.smoke ? SMOKE_PARALLEL : 1;
  // every turn ends before the servers are stopped
  const ended = await Promise.allSettled(Array.from({ length: parallel }, runTurns));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
  return results;
}

/** Rotates a list, so that each round begins with another contestant: the first one may find a colder or a cooler machine.
 *
 * @returns the items in the order of a round, beginning with 0 */
export function rotated<Item>(items: readonly Item[], round: number): Item[] {
  if (items.length === 0) return [];
  const first = round % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

function turnsOf(measurement: Measurement, bench: Bench, options: BenchOptions): Turn[] {
  const contestants = measurement.contestants(bench, options);
  const rounds = Array.from({ length: options.rounds }, (_, round) => rotated(contestants, round));
  return rounds.flatMap((contestants, round) =>
    contestants.map(({ system: { name, durability }, measure }) => ({
      label: `${measurement.name}, ${name}, round ${round + 1}`,
      run: async () => ({
        measurement: measurement.name,
        system: name,
        durability,
        samples: await measure(),
      }),
    }))
  );
}

async function runTurn({ label, run }: Turn, position: string, bench: Bench): Promise<RoundResult> {
  try {
    const result = await run();
    const [first] = result.samples;
    const value = first ? `${first.figure} ${first.value.toFixed(2)} ${first.unit}` : "no figure";
    bench.say(`[${position}] ${label}: ${value}`);
    return result;
  } catch (error) {
    throw new Error(`Cannot measure ${label}`, { cause: error });
  }
}
