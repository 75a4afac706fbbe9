/** A fault: what is done to the system, and what it may cost.
 * @module
 */
import type { Supervisor } from "./supervisor.ts";

/** A way to mistreat the system. */
export interface Fault {
  /** As in the report. */
  readonly name: string;
  /** Whether it is the broker's: then it runs on every release of RabbitMQ. */
  readonly broker: boolean;
  /** How often it is done in one run. Default 3. */
  readonly cycles?: number;
  /** Does it; resolves at the moment from which nothing stands in the way any more. */
  provoke(system: Supervisor): Promise<void>;
  /** What an orchestrator does then: starts what fell. */
  mend?(system: Supervisor): Promise<void>;
}

/** Lets a fault last. */
export function lasting(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
