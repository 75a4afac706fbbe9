/** What one run led to, as data: throwing is only how a handler chooses one. */
import type { Canvas } from "../../shared/celery/canvas_tree.ts";
import type { ExceptionMeta } from "../../shared/celery/exception.ts";

/** The outcome of one delivery. The worker's settle answers each in its own way, always in the order store, publish, ack. */
export type Outcome =
  /** The handler returned; `result` is JSON text. `stored`: its record was made final together with what the handler wrote. */
  | { readonly kind: "success"; readonly result: string; readonly stored: boolean }
  /** The handler failed and has attempts left. */
  | { readonly kind: "retry"; readonly error: Failure; readonly delay: number }
  /** The handler failed for good. */
  | { readonly kind: "failure"; readonly error: Failure }
  /** The message cannot be worked on: dead letter with the reason, FAILURE where an id is known. */
  | { readonly kind: "reject"; readonly reason: RejectReason; readonly error: Failure }
  /** The handler put other work in the task's place: its id, and what waits for it, are the work's. */
  | { readonly kind: "replace"; readonly canvas: Canvas }
  /** Not now: back through the outbox. */
  | ({ readonly kind: "defer"; readonly until: Date } & Deferral)
  /** Revoked or expired before it started, terminated while it ran, or ignored by its handler. */
  | { readonly kind: "revoked"; readonly why: "revoked" | "expired" | "terminated" | "ignored" }
  /** Its record is final, or ahead of this message: nothing to run and nothing to store, only what follows and the ack. */
  | { readonly kind: "known" };

/** Why a message is put off. */
export type Deferral =
  /** It came before its time. */
  | { readonly why: "early" }
  /** This worker does not know its task; nobody has since then. */
  | { readonly why: "unknown"; readonly since: Date }
  /** Its task is in flight already; `redelivered`: the broker hands it out again. */
  | { readonly why: "duplicate"; readonly redelivered: boolean }
  /** It waited in the worker for too long, for a place or its rate limit. It keeps its eta. */
  | { readonly why: "parked"; readonly redelivered: boolean };

/** Why a message went to the dead letters; the value of its header `celeriac-reason`. */
export type RejectReason =
  | "malformed"
  | "content-type"
  | "unknown-task"
  | "invalid-input"
  | "rejected"
  | "unsendable"
  | "poison";

/** An error as it is stored and sent. */
export interface Failure {
  readonly exception: ExceptionMeta;
  readonly traceback: string | null;
}
