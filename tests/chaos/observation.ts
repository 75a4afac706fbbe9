/** Seconds from a fault's end in which every worker consumes again. */
export const RECOVERY_LIMIT = 15;

/** What a run showed. */
export interface Observation {
  readonly fault: string;
  /** Release of RabbitMQ. */
  readonly broker: string;
  readonly accepted: number;
  /** Of those: with a final record. */
  readonly final: number;
  readonly lost: number;
  /** Final, but not SUCCESS. */
  readonly failed: number;
  /** Effects beyond the first of a task. */
  readonly doubled: number;
  /** SUCCESS, but no effect to be found. */
  readonly withoutEffect: number;
  /** Tasks that an attempt was counted for, or a crash. */
  readonly spent: number;
  readonly deadLetters: number;
  /** Requests answered 503, or not at all, and tried again by the client. */
  readonly refused: number;
  readonly unanswered: number;
  /** Milliseconds of the slowest request that was answered. */
  readonly slowestMs: number;
  /** Longest time without any task being finished, seconds. */
  readonly longestPause: number;
  /** For each cycle: seconds from the fault's end until each worker had finished a task again. */
  readonly recoveries: readonly number[];
  /** Seconds from the end of the load until all that was accepted was final. */
  readonly settled: number;
}
