/** Figures: what a measurement produces, and what remains of it after all rounds.
 * @module
 */
import { summarize, type Summary } from "./statistics.ts";

/** Whether a higher or a lower value is better; `neither` for context such as the size of a table. */
export type Better = "higher" | "lower" | "neither";

/** One measured value of one round. */
export interface Sample {
  /** For instance `throughput`. Unique within a measurement and a system. */
  readonly figure: string;
  readonly value: number;
  /** For instance `tasks/s`. */
  readonly unit: string;
  readonly better: Better;
}

/** The samples of one system in one round of one measurement. */
export interface RoundResult {
  readonly measurement: string;
  readonly system: string;
  /** What survives a crash or a power failure at this system's settings. */
  readonly durability: string;
  /** Empty if the measurement failed. */
  readonly samples: readonly Sample[];
  /** Why the measurement failed. */
  readonly failure?: string;
}

/** A system that could not be measured, or not in every round. */
export interface Failure {
  readonly measurement: string;
  readonly system: string;
  readonly durability: string;
  /** Failed rounds. */
  readonly failed: number;
  /** All rounds of this system. */
  readonly rounds: number;
  /** Reason of the first failure, one line. */
  readonly reason: string;
}

/** One figure of all rounds. */
export interface Figure extends Summary {
  readonly measurement: string;
  readonly system: string;
  readonly durability: string;
  readonly figure: string;
  readonly unit: string;
  readonly better: Better;
  /** The value of each round, in order. */
  readonly values: readonly number[];
}

/** Combines the rounds: one figure for each measurement, system and figure, in order of first appearance. */
export function combineRounds(results: readonly RoundResult[]): Figure[] {
  const groups = new Map<string, { result: RoundResult; sample: Sample; values: number[] }>();
  for (const result of results) {
    for (const sample of result.samples) {
      const key = JSON.stringify([result.measurement, result.system, sample.figure]);
      const group = groups.get(key);
      if (group) group.values.push(sample.value);
      else groups.set(key, { result, sample, values: [sample.value] });
    }
  }
  return [...groups.values()].map(({ result, sample, values }) => ({
    measurement: result.measurement,
    system: result.system,
    durability: result.durability,
    figure: sample.figure,
    unit: sample.unit,
    better: sample.better,
    ...summarize(values),
    values,
  }));
}

/** Lists the systems with failed rounds. */
export function listFailures(results: readonly RoundResult[]): Failure[] {
  return [...Map.groupBy(results, keyOf).values()].flatMap((rounds) => {
    const failed = rounds.filter(({ failure }) => failure !== undefined);
    const [first] = failed;
    if (first === undefined) return [];
    return [{
      measurement: first.measurement,
      system: first.system,
      durability: first.durability,
      failed: failed.length,
      rounds: rounds.length,
      reason: first.failure ?? "",
    }];
  });
}

/** Lists the figures without a finite value in every round that did not fail, as `measurement / system / figure`. */
export function incompleteFigures(results: readonly RoundResult[]): string[] {
  const measured = results.filter(({ failure }) => failure === undefined);
  const rounds = Map.groupBy(measured, keyOf);
  return combineRounds(measured)
    .filter((figure) => {
      const expected = rounds.get(keyOf(figure))?.length;
      return figure.values.length !== expected || !figure.values.every(Number.isFinite);
    })
    .map(({ measurement, system, figure }) => `${measurement} / ${system} / ${figure}`);
}

function keyOf({ measurement, system }: Pick<RoundResult, "measurement" | "system">): string {
  return JSON.stringify([measurement, system]);
}
