/** Messages between a worker and its child processes. Task values are JSON text, which preserves integers beyond 2^53. */
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

/** From the worker. `run` is a secret id of the attempt: late messages have an old id, and forged messages have none. */
export type ToChild =
  | {
    readonly type: "run";
    readonly run: string;
    readonly request: StoredRequest;
    readonly name: string;
    /** JSON text of the arguments by name, before the contract parses them. */
    readonly input: string;
    readonly deliveries: number;
    /** Trace context. */
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
  /** An uncaught error of a task, which may have ended. `run` is `null` if it belongs to no task. */
  | { readonly type: "uncaught"; readonly run: string | null; readonly error: ErrorRecord }
  | {
    readonly type: "done";
    readonly run: string;
    readonly result: string;
    /** Whether the result is work that replaces the task. */
    readonly replaces: boolean;
    /** Something that the task left in the child; the child is not used again. */
    readonly left?: string | undefined;
  }
  | {
    readonly type: "failed";
    readonly run: string;
    readonly error: ErrorRecord;
    readonly left?: string | undefined;
  };
