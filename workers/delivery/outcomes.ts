/** What a delivery leads to without a run, or after one that threw. */
import { encodeException, traceback } from "../../shared/celery/exception.ts";
import { failedAttempts, type TaskMessage } from "../../shared/celery/task_message.ts";
import {
  Ignore,
  MaxRetriesExceeded,
  Reject,
  ResultTooLarge,
  Retry,
  Terminated,
  WorkerLost,
} from "../../shared/errors.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { type Claim, isFinal } from "../../shared/results/result.ts";
import {
  isWorthRetrying,
  NO_RETRY,
  retryDelay,
  retryPolicy,
} from "../../shared/contracts/retry.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { violationOf } from "../running/permission_denial.ts";
import type { HeldDelivery } from "./held_delivery.ts";
import { wasUnknown } from "./unknown_task.ts";
import { isError, unreadable } from "../../shared/runtime/thrown.ts";

/** A message due sooner than this is held in hand; a later one goes through the outbox, as RabbitMQ closes channels whose deliveries stay unanswered too long. */
const HOLD_MS = 1000;

/** A record that is final, or ahead of this message: a copy of something already done. */
export function known(task: TaskMessage, claim: Claim | undefined): Outcome | undefined {
  if (!claim) return undefined;
  if (claim.state === "REVOKED") return { kind: "revoked", why: "revoked" };
  return isFinal(claim.state) || claim.retries > task.retries ? { kind: "known" } : undefined;
}

/** Its task is in flight already: it is read again when the holder's lease would have ended. By then its record is final, or the holder
 * has renewed, or has died and the copy runs.
 *
 * @param seconds until the lease ends
 * @param redelivered whether the broker hands the message out again, which its copy must say as well */
export function duplicate(seconds: number, redelivered: boolean, now: Date): Outcome {
  const until = new Date(now.getTime() + seconds * 1000);
  return { kind: "defer", why: "duplicate", until, redelivered };
}

/** It has waited here for too long: it is sent again as it came, after so many milliseconds. */
export function parked(
  waitMs: number,
  { message, redelivered }: HeldDelivery,
  now: Date,
): Outcome {
  const until = new Date(now.getTime() + waitMs);
  const again = redelivered || wasUnknown(message.headers);
  return { kind: "defer", why: "parked", until, redelivered: again };
}

/** Past the time that the sender set. */
export function expired(task: TaskMessage, now: Date): Outcome | undefined {
  return task.expires && task.expires < now ? { kind: "revoked", why: "expired" } : undefined;
}

/** Too far ahead of its time to be held. */
export function early(task: TaskMessage, now: Date): Outcome | undefined {
  return task.eta && task.eta.getTime() - now.getTime() > HOLD_MS
    ? { kind: "defer", why: "early", until: task.eta }
    : undefined;
}

/** Its workers died of it. */
export function poison(task: TaskMessage): Outcome {
  const error = new WorkerLost(
    `Cannot run task '${task.task}' again because its workers died of it, even while nothing else ran: fix the handler, then submit the task again`,
  );
  return { kind: "reject", reason: "poison", error: { ...failureOf(error), traceback: null } };
}

/** Its arguments do not fit. */
export function invalid(error: unknown): Outcome {
  const failure = { exception: failureOf(error).exception, traceback: null };
  return { kind: "reject", reason: "invalid-input", error: failure };
}

/** Throwing is how a handler chooses what follows. */
export function outcomeOf(thrown: unknown, task: TaskMessage, contract: TaskContract): Outcome {
  try {
    return chosen(thrown, task, contract);
  } catch (cause) {
    // A proxy, say, whose traps throw: a handler must not escape its outcome by what it throws.
    return chosen(unreadable(cause), task, contract);
  }
}

function chosen(error: unknown, task: TaskMessage, contract: TaskContract): Outcome {
  if (!isError(error)) return tried(undefined, error, task, contract);
  if (error instanceof Terminated) return { kind: "revoked", why: "terminated" };
  if (error instanceof Ignore) return { kind: "revoked", why: "ignored" };
  if (error instanceof Reject) {
    return { kind: "reject", reason: "rejected", error: failureOf(error) };
  }
  if (error instanceof ResultTooLarge) return { kind: "failure", error: failureOf(error) };
  const violation = violationOf(error, contract);
  if (violation?.denied) return { kind: "failure", error: failureOf(violation) };
  return tried(error instanceof Retry ? error : undefined, error, task, contract);
}

/** Another attempt where one was asked for or the policy allows it, otherwise a failure. */
function tried(
  asked: Retry | undefined,
  error: unknown,
  task: TaskMessage,
  contract: TaskContract,
): Outcome {
  const failure = failureOf(error);
  const policy = asked && contract.retry === NO_RETRY ? retryPolicy(true) : contract.retry;
  const delay = asked || isWorthRetrying(policy, error)
    ? retryDelay(policy, failedAttempts(task), Math.random())
    : undefined;
  if (delay === undefined) {
    return { kind: "failure", error: asked ? exhausted(asked, task, failure) : failure };
  }
  return { kind: "retry", error: failure, delay: asked?.countdown ?? delay };
}

/** What a task fails with that asks for an attempt which it no longer has: the cause that it named, or else Celery's exception for this.
 * A `Retry` in a FAILURE would make a Python task that reads it wait for a retry of its own. */
function exhausted(
  asked: Retry,
  { task, id, argsRepr, kwargsRepr }: TaskMessage,
  failure: Failure,
): Failure {
  const { exc_module: module, exc_type: type } = failure.exception;
  if (module !== "celery.exceptions" || type !== "Retry") return failure;
  const error = new MaxRetriesExceeded(
    `Can't retry ${task}[${id}] args:${argsRepr} kwargs:${kwargsRepr}`,
    { cause: asked },
  );
  return failureOf(error);
}

/** An error as it is stored and sent. */
export function failureOf(error: unknown): Failure {
  return { exception: encodeException(error), traceback: traceback(error) };
}
