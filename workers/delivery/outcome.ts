/** Outcomes of deliveries, as data. A handler chooses one by returning or throwing. */
import type { Canvas } from "../../shared/celery/canvas_tree.ts";
import type { PauseKey } from "../../shared/flow/pause.ts";
import type { ExceptionMeta } from "../../shared/celery/exception.ts";

/** The outcome of one delivery. The settler handles each kind, always in the order store, publish, acknowledge. */
export type Outcome =
  /** The handler returned; `result` is JSON text. `stored`: `context.complete()` already stored the final record. */
  | { readonly kind: "success"; readonly result: string; readonly stored: boolean }
  /** The handler failed and has attempts left. `delay` in seconds. */
  | { readonly kind: "retry"; readonly error: Failure; readonly delay: number }
  /** The handler failed and has no attempts left. */
  | { readonly kind: "failure"; readonly error: Failure }
  /** The message cannot be processed: it becomes a dead letter, and its record, if it has an id, FAILURE. */
  | { readonly kind: "reject"; readonly reason: RejectReason; readonly error: Failure }
  /** The handler replaced the task with other work, which takes over its id and follow-ups. */
  | { readonly kind: "replace"; readonly canvas: Canvas }
  /** The message is not processed now: it is requeued through the outbox. */
  | ({ readonly kind: "defer"; readonly until: Date } & Deferral)
  /** Its queue or task is paused: the message waits in the outbox. `redelivered`: the copy must count as redelivered. */
  | { readonly kind: "pause"; readonly pause: PauseKey; readonly redelivered: boolean }
  /** Revoked or expired before it started, terminated while it ran, or ignored by its handler. */
  | { readonly kind: "revoked"; readonly why: "revoked" | "expired" | "terminated" | "ignored" }
  /** The record is final, or belongs to a later attempt: nothing to run or store; the follow-ups are sent and the delivery acknowledged. */
  | { readonly kind: "known" };

/** Why a message is deferred. `redelivered`: the copy must count as redelivered. */
export type Deferral =
  /** It is not due yet. */
  | { readonly why: "early" }
  /** This worker has no such task, and neither has any worker that received it since then. */
  | { readonly why: "unknown"; readonly since: Date }
  /** Its task is already in flight. */
  | { readonly why: "duplicate"; readonly redelivered: boolean }
  /** It waited too long in this worker, for a slot or for its rate limit. It keeps its eta. */
  | { readonly why: "parked"; readonly redelivered: boolean };

/** Why a message was dead-lettered; the value of its header `celeriac-reason`. */
export type RejectReason =
  | "malformed"
  | "content-type"
  | "unknown-task"
  | "invalid-input"
  | "rejected"
  | "unsendable"
  | "poison";

/** An error as it is stored and published. */
export interface Failure {
  readonly exception: ExceptionMeta;
  readonly traceback: string | null;
}
