/** A fault: what is done to the system, and what it may cost.
 * @module
 */
import type { Load } from "./load.ts";
import type { Observation } from "./observation.ts";
import type { Supervisor } from "./supervisor.ts";

/** A way to mistreat the system. */
export interface Fault {
  /** As in the report. */
  readonly name: string;
  /** Whether it is the broker's: then it runs on every release of RabbitMQ. */
  readonly broker: boolean;
  /** How often it is done in a short run at most. Default 3, on another release 1. */
  readonly cycles?: number;
  /** Whether it must cost no task an attempt, nor count as a crash. Default false. */
  readonly free?: true;
  /** Rows that may be added to the outbox for each task; default 2. */
  readonly outboxRows?: number;
  /** Tasks submitted at least; default those of 10 s, on another release of 6 s. */
  readonly count?: number;
  /** Tasks a second; default `CELERIAC_CHAOS_RATE`, or 150. */
  readonly rate?: number;
  /** Seconds in which workers finish what they had in hand before: only what is finished later shows that they consume. Default 0. */
  readonly inHand?: number;
  /** Prepares the system before there is load. */
  begin?(system: Supervisor): Promise<void>;
  /** Does it; resolves at the moment from which nothing stands in the way any more.
   *
   * @param cycle counts from 0 */
  provoke(system: Supervisor, load: Load, cycle: number): Promise<void>;
  /** What an orchestrator does then: starts what fell. */
  mend?(system: Supervisor): Promise<void>;
  /** Undoes what it left, once everything is finished. */
  end?(system: Supervisor): Promise<void>;
  /** Whether the fault hit at all, where that can be missed. */
  hit?(seen: Observation): boolean;
}

/** Lets a fault last. */
export function lasting(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
