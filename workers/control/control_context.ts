/** What control commands work with, and what they are. */
import type { LamportClock } from "../../shared/celery/clock.ts";
import type { ConsumedQueue } from "../../shared/broker/topology.ts";
import type { InFlight } from "../delivery/in_flight.ts";
import type { CommandArguments } from "./command_arguments.ts";
import type { WorkerInfo } from "./worker_info.ts";
import type { LimitedContracts } from "./limited_contracts.ts";
import type { OutboxRevoker } from "./outbox_revoker.ts";
import type { RateLimits } from "./rate_limits.ts";
import type { Revocations } from "./revocations.ts";
import type { TaskCounts } from "./task_counts.ts";

/** One worker, as remote control sees it. */
export interface ControlContext {
  /** Its name. */
  readonly name: string;
  readonly clock: LamportClock;
  readonly inFlight: InFlight;
  readonly contracts: LimitedContracts;
  readonly rates: RateLimits;
  readonly revocations: Revocations;
  readonly taskCounts: TaskCounts;
  readonly info: WorkerInfo;
  readonly eventPublisher: { enabled: boolean };
  readonly heartbeat: { beat(): void };
  worker(): WorkerControls;
  /** Ends what runs of a task. @returns whether anything did */
  terminate(id: string): boolean;
  readonly outbox: OutboxRevoker;
  /** Asks the process to stop as SIGTERM does. */
  shutDown(): void;
}

/** How to consume one more queue. */
export interface AddOptions extends ConsumedQueue {
  readonly signal: AbortSignal;
}

/** The working side of a worker. */
export interface WorkerControls {
  /** Queues that are consumed. */
  readonly queues: readonly string[];
  /** Deliveries in hand at most, of all queues. */
  readonly prefetch: number;
  /** Inline handlers at once. */
  readonly concurrency: number;
  /** Child processes for each set of permissions. */
  readonly children: number;
  /** Changes how many handlers run at once, inline and in children, and the prefetch with it. */
  resize(places: { readonly inline: number; readonly children: number }): Promise<void>;
  /** Declares a queue where it is missing and consumes it; resolves once the broker has accepted. */
  add(queue: string, options: AddOptions): Promise<void>;
  /** Stops fetching from a queue; what is in hand is finished. */
  remove(queue: string): Promise<void>;
}

/** A command leaves out its answer by returning this. */
export const SILENT = Symbol("no answer");

/** A command of Celery's remote control.
 *
 * @returns JSON; `undefined` becomes `null`
 * @throws {CeleriacError} whose message becomes the answer `{"error": ...}` */
export type Command = (given: CommandArguments, context: ControlContext) => unknown;
