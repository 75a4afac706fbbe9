/** A system under measurement: Celeriac, a floor or a peer.
 * @module
 */
import type { LoadResult } from "../programs/load_loops.ts";
import type { Parts } from "../kit/process_usage.ts";
import type { BenchServers } from "../kit/servers.ts";
import type { PeerPackages } from "../peers/installation.ts";

/** What systems need to open. */
export interface Bench {
  readonly servers: BenchServers;
  /** Installs the peers on first use. */
  peers(): Promise<PeerPackages>;
  readonly signal: AbortSignal;
  /** Prints one line of progress. */
  say(line: string): void;
}

/** What a system can do, hence which measurements it takes part in. */
export type Ability = "endToEnd" | "drain" | "submit" | "call" | "pickUp";

/** A system with its settings. */
export interface System {
  /** Unique; shown in tables. */
  readonly name: string;
  /** What survives a crash or a power failure: of a submission, and of a result. Shown beside each figure. */
  readonly durability: string;
  /** Whether it is measured only with `--peers`. */
  readonly peer: boolean;
  /** Part of the tasks that it gets, 0 to 1, so that a slow system does not take all the time. */
  readonly share: number;
  /** `call`: callers can wait for a result without polling a table. */
  readonly abilities: readonly Ability[];
  /** Opens it on fresh storage. No worker runs yet. */
  open(bench: Bench): Promise<OpenSystem>;
}

/** A system on its storage. Disposing stops its processes and deletes the storage.
 *
 * A method without its ability throws. */
export interface OpenSystem extends AsyncDisposable {
  /** Root processes: its own, its client, and the servers that it uses. */
  parts(): Parts;
  /** Starts its workers and waits until they are ready. */
  startWorkers(): Promise<void>;
  /** Submits tasks by the fastest documented way; resolves when all are accepted.
   *
   * @returns epoch milliseconds of the first submission */
  fill(tasks: number): Promise<{ readonly beganMs: number }>;
  /** Number of tasks whose completion is recorded since the system was opened. */
  finished(): Promise<number>;
  /** When the latest completion was recorded, epoch milliseconds. */
  lastFinishedMs(): Promise<number>;
  /** Keeps single submissions in flight. */
  submit(inFlight: number, seconds: number): Promise<LoadResult>;
  /** Keeps calls in flight that return the result of their task. */
  call(inFlight: number, seconds: number): Promise<LoadResult>;
  /** Sends single tasks to the idle system. */
  pickUp(count: number, pauseMs: number): Promise<{ readonly p50: number; readonly p99: number }>;
}
