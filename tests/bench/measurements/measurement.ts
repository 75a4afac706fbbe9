/** A measurement: one question, answered by the same code for each system.
 * @module
 */
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import type { Bench, System } from "../systems/system.ts";

/** One system in one measurement. */
export interface Contestant {
  readonly system: Pick<System, "name" | "durability">;
  /** Whether it takes minutes, so that it is measured in fewer rounds. Default: no. */
  readonly large?: boolean;
  /** Measures one round on fresh storage. */
  measure(): Promise<Sample[]>;
}

/** A measurement. */
export interface Measurement {
  /** For `--only`. */
  readonly name: string;
  /** Whether a run without `--only` leaves it out, unless it is a smoke run. Default: no. */
  readonly onRequest?: boolean;
  /** Heading in the report. */
  readonly title: string;
  /** How it is measured: shown below the table. */
  readonly method: string;
  /** The systems that take part. */
  contestants(bench: Bench, options: BenchOptions): Contestant[];
}
