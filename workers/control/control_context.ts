/** Types of control commands, and the state that they use. */
import type { LamportClock } from "../../shared/celery/clock.ts";
import type { ConsumedQueue } from "../../shared/broker/topology.ts";
import type { InFlight } from "../delivery/in_flight.ts";
import type { Pause } from "../../shared/flow/pause.ts";
import type { CommandArguments } from "./command_arguments.ts";
import type { WorkerInfo } from "./worker_info.ts";
import type { LimitedContracts } from "./limited_contracts.ts";
import type { OutboxRevoker } from "./outbox_revoker.ts";
import type { RateLimits } from "./rate_limits.ts";
import type { Revocations } from "./revocations.ts";
import type { TaskCounts } from "./task_counts.ts";

/** The worker's state that commands read and change. */
export interface ControlContext {
  /** Node name. */
  readonly name: string;
  readonly clock: LamportClock;
  readonly inFlight: InFlight;
  readonly contracts: LimitedContracts;
  readonly rates: RateLimits;
  /** Pauses of queues and tasks that this worker has read. */
  readonly pauses: { readonly all: readonly Pause[] };
  readonly revocations: Revocations;
  readonly taskCounts: TaskCounts;
  readonly info: WorkerInfo;
  readonly eventPublisher: { enabled: boolean };
  readonly heartbeat: { beat(): void };
  worker(): WorkerControls;
  /** Ends the running attempts of a task. @returns whether there was one */
  terminate(id: string): boolean;
  readonly outbox: OutboxRevoker;
  /** Requests a shutdown, as SIGTERM does. */
  shutDown(): void;
}

/** Options of a new consumer. */
export interface AddOptions extends ConsumedQueue {
  readonly signal: AbortSignal;
}

/** The operations of a worker that commands use. */
export interface WorkerControls {
  /** Queues that are consumed, including paused ones. */
  readonly queues: readonly string[];
  /** Total prefetch of all queues. */
  readonly prefetch: number;
  /** Inline handlers that may run at the same time. */
  readonly concurrency: number;
  /** Child processes for each set of permissions. */
  readonly children: number;
  /** Changes the number of inline slots and child processes, and thus the prefetch. */
  resize(places: { readonly inline: number; readonly children: number }): Promise<void>;
  /** Consumes a queue, and declares it if it is missing. Resolves once the broker has accepted the consumer. */
  add(queue: string, options: AddOptions): Promise<void>;
  /** Stops consuming a queue. Deliveries in flight are finished. */
  remove(queue: string): Promise<void>;
}

/** A command that returns this sends no reply. */
export const SILENT = Symbol("no reply");

/** A command of Celery's remote control.
 *
 * @returns the reply as JSON; `undefined` becomes `null`
 * @throws {CeleriacError} its message becomes the reply `{"error": ...}` */
export type Command = (given: CommandArguments, context: ControlContext) => unknown;
