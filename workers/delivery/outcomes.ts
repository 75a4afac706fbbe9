/** Outcomes of deliveries whose task does not run, and of handlers that throw. */
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
import type { PauseKey } from "../../shared/flow/pause.ts";
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

/** A message that is due within this time waits in the worker. A later one goes through the outbox, because RabbitMQ closes channels whose
 * deliveries stay unacknowledged too long. */
const HOLD_MS = 1000;

/** Whether the message may have run before: it was redelivered, or came back from workers that did not have its task. */
export function isRepeated({ redelivered, message }: HeldDelivery): boolean {
  return redelivered || wasUnknown(message.headers);
}

/** Whether the task can start at any time. */
export function isTimeless({ eta, expires }: Pick<TaskMessage, "eta" | "expires">): boolean {
  return eta === null && expires === null;
}

/** The outcome if the record is final or belongs to a later attempt: the message is a copy. */
export function known(task: TaskMessage, claim: Claim | undefined): Outcome | undefined {
  if (!claim) return undefined;
  if (claim.state === "REVOKED") return { kind: "revoked", why: "revoked" };
  return isFinal(claim.state) || claim.retries > task.retries ? { kind: "known" } : undefined;
}

/** The outcome if the task is in flight already: the copy comes back when the holder's lease would expire. By then the record is final, or
 * the holder has renewed its lease, or it has died and the copy runs.
 *
 * @param seconds until the lease expires
 * @param redelivered whether the message was redelivered; its copy must say the same */
export function duplicate(seconds: number, redelivered: boolean, now: Date): Outcome {
  const until = new Date(now.getTime() + seconds * 1000);
  return { kind: "defer", why: "duplicate", until, redelivered };
}

/** The outcome if the message waited too long in this worker: it is sent again unchanged, after `waitMs`. */
export function parked(waitMs: number, delivery: HeldDelivery, now: Date): Outcome {
  const until = new Date(now.getTime() + waitMs);
  return { kind: "defer", why: "parked", until, redelivered: isRepeated(delivery) };
}

/** The outcome if its queue or task is paused: the message is sent again unchanged after the pause. */
export function paused(
  pause: PauseKey | undefined,
  delivery: HeldDelivery,
): Outcome | undefined {
  return pause && { kind: "pause", pause, redelivered: isRepeated(delivery) };
}

/** The outcome if the task has expired. */
export function expired(task: TaskMessage, now: Date): Outcome | undefined {
  return task.expires && task.expires < now ? { kind: "revoked", why: "expired" } : undefined;
}

/** The outcome if the task is due too late to wait in the worker. */
export function early(task: TaskMessage, now: Date): Outcome | undefined {
  return task.eta && task.eta.getTime() - now.getTime() > HOLD_MS
    ? { kind: "defer", why: "early", until: task.eta }
    : undefined;
}

/** The outcome if the task has killed its workers. */
export function poison(task: TaskMessage): Outcome {
  const error = new WorkerLost(
    `Cannot run task '${task.task}' again because its workers died while they ran it, even while nothing else ran: fix the handler, then submit the task again`,
  );
  return { kind: "reject", reason: "poison", error: { ...failureOf(error), traceback: null } };
}

/** The outcome if the arguments are invalid. */
export function invalid(error: unknown): Outcome {
  const failure = { exception: failureOf(error).exception, traceback: null };
  return { kind: "reject", reason: "invalid-input", error: failure };
}

/** The outcome that a handler chose by throwing. */
export function outcomeOf(thrown: unknown, task: TaskMessage, contract: TaskContract): Outcome {
  try {
    return chosen(thrown, task, contract);
  } catch (cause) {
    // The thrown value may be a proxy whose traps throw. That must not prevent an outcome.
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

/** Another attempt if the handler requested one or the policy allows it, otherwise a failure. */
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

/** The failure of a task that requests a retry but has no attempts left: the cause that it gave, or Celery's exception for this case. A
 * `Retry` in a FAILURE would make a Python task that reads the result retry itself. */
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

/** Encodes an error as it is stored and published. */
export function failureOf(error: unknown): Failure {
  return { exception: encodeException(error), traceback: traceback(error) };
}
