/** What a worker and its child processes say to one another. Values of tasks travel as JSON text, so that integers beyond 2^53 survive. */
import type { ErrorRecord } from "./error_record.ts";

/** A log line of a handler in a child. */
export interface SandboxLogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly properties: Record<string, unknown>;
}

/** From the worker. `run` numbers the attempts of one child: what comes late bears an old number. */
export type ToChild =
  | {
    readonly type: "run";
    readonly run: number;
    readonly id: string;
    readonly name: string;
    /** JSON text of the arguments by name, unparsed by the contract. */
    readonly input: string;
    readonly attempt: number;
    readonly deliveries: number;
  }
  | { readonly type: "abort"; readonly run: number; readonly reason: ErrorRecord };

/** From a child. */
export type FromChild =
  | { readonly type: "ready" }
  | { readonly type: "unusable"; readonly error: ErrorRecord }
  | { readonly type: "started"; readonly run: number }
  | { readonly type: "progress"; readonly run: number; readonly value: string }
  | { readonly type: "log"; readonly run: number; readonly line: SandboxLogLine }
  | { readonly type: "done"; readonly run: number; readonly result: string }
  | { readonly type: "failed"; readonly run: number; readonly error: ErrorRecord };
