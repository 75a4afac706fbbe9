/** What a worker and its child processes say to one another. Values of tasks travel as JSON text, so that integers beyond 2^53 survive. */
import type { Violation } from "../../shared/errors.ts";
import type { Carrier } from "../../shared/telemetry/tracing.ts";
import type { StoredRequest } from "../running/request.ts";
import type { SubmittedWork } from "../running/task_submissions.ts";
import type { ErrorRecord } from "./error_record.ts";

/** A log line of a handler in a child. */
export interface SandboxLogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly properties: Record<string, unknown>;
}

/** From the worker. `run` names an attempt of one child by a secret: what comes late bears an old one, and what is forged none. */
export type ToChild =
  | {
    readonly type: "run";
    readonly run: string;
    readonly request: StoredRequest;
    readonly name: string;
    /** JSON text of the arguments by name, unparsed by the contract. */
    readonly input: string;
    readonly deliveries: number;
    /** The trace that it is part of. */
    readonly trace?: Carrier;
  }
  /** Answers "submit" number `call`. */
  | {
    readonly type: "submitted";
    readonly run: string;
    readonly call: number;
    readonly answer: SubmittedWork | { readonly error: ErrorRecord };
  }
  | { readonly type: "abort"; readonly run: string; readonly reason: ErrorRecord };

/** From a child. */
export type FromChild =
  | { readonly type: "ready" }
  | { readonly type: "unusable"; readonly error: ErrorRecord }
  | { readonly type: "started"; readonly run: string }
  | { readonly type: "progress"; readonly run: string; readonly value: string }
  /** `work` is JSON text. */
  | {
    readonly type: "submit";
    readonly run: string;
    readonly call: number;
    readonly work: string;
    readonly key?: string;
  }
  | { readonly type: "log"; readonly run: string; readonly line: SandboxLogLine }
  | {
    readonly type: "violation";
    readonly run: string;
    readonly violation: Violation;
    readonly what: string;
  }
  /** A task left an error uncaught, also one that is over; `null` when it was none. */
  | { readonly type: "uncaught"; readonly run: string | null; readonly error: ErrorRecord }
  | {
    readonly type: "done";
    readonly run: string;
    readonly result: string;
    /** The result is work that takes the task's place. */
    readonly replaces: boolean;
    /** What the task left in the child, for which it is not used again. */
    readonly left?: string | undefined;
  }
  | {
    readonly type: "failed";
    readonly run: string;
    readonly error: ErrorRecord;
    readonly left?: string | undefined;
  };
