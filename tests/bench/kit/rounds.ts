/** Runs measurements in rounds, in which the systems alternate.
 * @module
 */
import type { Contestant, Measurement } from "../measurements/measurement.ts";
import type { Bench } from "../systems/system.ts";
import type { RoundResult, Sample } from "./figures.ts";
import type { BenchOptions } from "./options.ts";

/** Contestants of a smoke run that are measured at the same time: their figures mean nothing. */
const SMOKE_PARALLEL = 3;

/** Characters of the reason of a failure in the tables. */
const LONGEST_REASON = 200;

/** One contestant in one round. */
interface Turn {
  readonly label: string;
  readonly result: Omit<RoundResult, "samples">;
  measure(): Promise<readonly Sample[]>;
}

/** Runs the rounds, each with all measurements, one contestant after the other.
 *
 * A contestant that fails is part of the results, with its reason: the others are still measured.
 *
 * @param afterRound receives the results so far and the number of complete rounds
 * @throws the reason of the signal if the run is interrupted */
export async function runRounds(
  measurements: readonly Measurement[],
  bench: Bench,
  options: BenchOptions,
  afterRound: (results: readonly RoundResult[], rounds: number) => Promise<void> = async () => {},
): Promise<RoundResult[]> {
  const results: RoundResult[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const turns = measurements.flatMap((measurement) => {
      return turnsOf(measurement, round, bench, options);
    });
    results.push(...await runTurns(turns, bench, options.smoke ? SMOKE_PARALLEL : 1));
    await afterRound(results, round + 1);
  }
  return results;
}

async function runTurns(turns: Turn[], bench: Bench, parallel: number): Promise<RoundResult[]> {
  const results: RoundResult[] = new Array(turns.length);
  let next = 0;
  const run = async () => {
    while (next < turns.length) {
      const index = next++;
      bench.signal.throwIfAborted();
      results[index] = await runTurn(turns[index]!, `${index + 1}/${turns.length}`, bench);
    }
  };
  // every turn ends before the servers are stopped
  const ended = await Promise.allSettled(Array.from({ length: parallel }, run));
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

/** Selects the contestants with a wanted name, or those whose name begins with it if none has exactly this name.
 *
 * @param names empty for all */
export function selectSystems<One extends Pick<Contestant, "system">>(
  contestants: readonly One[],
  names: readonly string[],
): One[] {
  if (names.length === 0) return [...contestants];
  const selected = names.flatMap((wanted) => {
    const exact = contestants.filter(({ system }) => system.name === wanted);
    return exact.length > 0
      ? exact
      : contestants.filter(({ system }) => system.name.startsWith(`${wanted},`));
  });
  return contestants.filter((one) => selected.includes(one));
}

function turnsOf(
  measurement: Measurement,
  round: number,
  bench: Bench,
  options: BenchOptions,
): Turn[] {
  const contestants = selectSystems(measurement.contestants(bench, options), options.system);
  return rotated(contestants, round)
    .filter(({ large = false }) => !large || round < options.largeRounds)
    .map(({ system: { name, durability }, measure }) => ({
      label: `${measurement.name}, ${name}, round ${round + 1}`,
      result: { measurement: measurement.name, system: name, durability },
      measure,
    }));
}

async function runTurn(turn: Turn, position: string, bench: Bench): Promise<RoundResult> {
  const { label, result, measure } = turn;
  const began = performance.now();
  try {
    const samples = await measure();
    const [first] = samples;
    const value = first ? `${first.figure} ${first.value.toFixed(2)} ${first.unit}` : "no figure";
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    bench.say(`[${position}] ${label}: ${value} (took ${seconds} s)`);
    return { ...result, samples };
  } catch (error) {
    bench.signal.throwIfAborted();
    bench.say(`[${position}] ${label}: FAILED: ${Deno.inspect(error)}`);
    return { ...result, samples: [], failure: reasonOf(error) };
  }
}

/** The last line of an error is its reason, for Python's tracebacks too. Stack frames of JavaScript do not count. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const lines = message.split("\n").map((line) => line.trim());
  const reason = lines.findLast((line) => line !== "" && !line.startsWith("at "));
  return (reason ?? "unknown").slice(0, LONGEST_REASON);
}
