/** Reasons why a task does not run. */
import type { PauseScope } from "../../shared/flow/pause.ts";

/** A worker and how full it is. */
export interface Occupancy {
  readonly worker: string;
  readonly running: number;
  /** `null` if the worker did not report it. */
  readonly concurrency: number | null;
}

/** Numbers and names behind each reason, by its code. */
export interface Evidence {
  /** It ended. `error` is the class of the error of a FAILURE. */
  "finished": { state: string; finishedAt: Date | null; error: string | null };
  "expired": { expiredAt: Date | null };
  "revoked": { revokedAt: Date | null; by: string };
  "running": {
    worker: string | null;
    since: Date | null;
    attempt: number;
    replied: boolean | null;
  };
  "unknown-id": { recent: boolean };
  "no-consumer": { queue: string; ready: number };
  "queue-missing": { queue: string };
  /** `attempt` and `maxAttempts` if an attempt has failed; `maxAttempts` is `null` if unlimited or unknown. */
  "not-due": { dueAt: Date; seconds: number; attempt: number; maxAttempts: number | null };
  /** `resumedAt` and `rate` (messages per second) while its messages are released. */
  "paused": {
    scope: PauseScope;
    name: string;
    why: string | null;
    pausedAt: Date;
    resumedAt: Date | null;
    rate: number | null;
  };
  "in-outbox": {
    seconds: number;
    broker: string;
    brokerReason: string | null;
    attempts: number;
    lastError: string | null;
    nextTryAt: Date | null;
  };
  "behind-others": {
    queue: string;
    ready: number;
    /** Tasks of the queue that ended per second during the last minute; `null` if there were none. */
    perSecond: number | null;
    /** Estimated seconds until all of them have ended. */
    seconds: number | null;
  };
  "workers-full": { queue: string; workers: readonly Occupancy[]; heldBy: string | null };
  "rate-limited": { worker: string; limit: string };
  "task-unknown": {
    task: string;
    workers: readonly string[];
    since: Date | null;
    nextTryAt: Date | null;
  };
  "input-refused": { letter: string; detail: string | null; diedAt: Date | null };
  "dead-lettered": { letter: string; reason: string; detail: string | null; diedAt: Date | null };
  "waiting-for-members": { workflow: string; count: number; tasks: readonly string[] };
  "message-not-found": { queue: string; consumers: number; replies: number };
  "undetermined": { queue: string | null };
}

/** Identifies a reason. */
export type ReasonCode = keyof Evidence;

/** One reason and its evidence. */
export type Reason = {
  [Code in ReasonCode]: { readonly code: Code; readonly evidence: Readonly<Evidence[Code]> };
}[ReasonCode];

/** Creates a reason. */
export function reason<Code extends ReasonCode>(
  code: Code,
  evidence: Readonly<Evidence[Code]>,
): Reason {
  return { code, evidence } as Reason;
}
