/** What a run showed.
 * @module
 */
import type { Reckoning } from "./reckoning.ts";

/** Seconds from a fault's end in which every worker consumes again. */
export const RECOVERY_LIMIT = 15;

/** What a run showed. */
export interface Observation extends Reckoning {
  readonly fault: string;
  /** Release of RabbitMQ. */
  readonly broker: string;
  /** Tasks. */
  readonly accepted: number;
  /** Of those: not final, or without a record that must be there. */
  readonly lost: number;
  readonly deadLetters: number;
  /** Requests answered 503, or not at all, and tried again by the client. */
  readonly refused: number;
  readonly unanswered: number;
  /** Milliseconds of the slowest request that was answered. */
  readonly slowestMs: number;
  /** For each cycle: seconds from the fault's end until each worker had finished a task again. */
  readonly recoveries: readonly number[];
  /** Seconds from the end of the load until all that was accepted was final. */
  readonly settled: number;
}
