/** Defines a fault and its permitted effects.
 * @module
 */
import type { Load } from "./load.ts";
import type { Observation } from "./observation.ts";
import type { Supervisor } from "./supervisor.ts";

/** A fault to inject. */
export interface Fault {
  /** Name in the report. */
  readonly name: string;
  /** Whether it affects the broker, or what the broker hands over: then it runs on every release of RabbitMQ. */
  readonly broker: boolean;
  /** Maximum number of injections in a short run. Default 3, on another release 1. */
  readonly cycles?: number;
  /** Whether no task may lose an attempt or count a crash. Default false. */
  readonly free?: true;
  /** Permitted outbox rows for each task; default 2. */
  readonly outboxRows?: number;
  /** Minimum number of tasks; default those of 6 s. */
  readonly count?: number;
  /** Tasks a second; default `CELERIAC_CHAOS_RATE`, or 150. */
  readonly rate?: number;
  /** Seconds in which workers may finish earlier unacked tasks: only tasks finished later show that they consume. Default 0. */
  readonly inHand?: number;
  /** Whether some of the submissions are events. Default false. */
  readonly events?: true;
  /** Prepares the system before the load starts. */
  begin?(system: Supervisor): Promise<void>;
  /** Injects the fault; resolves when it is over and the system can recover.
   *
   * @param cycle counts from 0 */
  provoke(system: Supervisor, load: Load, cycle: number): Promise<void>;
  /** Acts as an orchestrator: restarts stopped processes. */
  recover?(system: Supervisor): Promise<void>;
  /** Cleans up when all tasks are finished. */
  end?(system: Supervisor): Promise<void>;
  /** Whether the fault took effect, if it can miss. */
  hit?(seen: Observation): boolean;
}

/** Waits while a fault lasts. */
export function lasting(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
