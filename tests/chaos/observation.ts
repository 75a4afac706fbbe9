/** The result of a run.
 * @module
 */
import type { Violations } from "./verification.ts";

/** Limit of the recovery time: seconds from the end of a fault until every worker consumes again. */
export const RECOVERY_LIMIT = 15;

/** The result of a run. */
export interface Observation extends Violations {
  readonly fault: string;
  /** Release of RabbitMQ. */
  readonly broker: string;
  /** Accepted tasks. */
  readonly accepted: number;
  /** Accepted tasks that are not final or lack a required record. */
  readonly lost: number;
  readonly deadLetters: number;
  /** Requests that got 503 or no response, and that the client retried. */
  readonly refused: number;
  readonly unanswered: number;
  /** Duration of the slowest request with a response, milliseconds. */
  readonly slowestMs: number;
  /** For each cycle: seconds from the end of the fault until every worker had finished a task. */
  readonly recoveries: readonly number[];
  /** Seconds from the end of the load until every accepted task was final. */
  readonly settled: number;
}
