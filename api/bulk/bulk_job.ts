/** A job that changes many tasks in the background. */
import type { Caller } from "../access/caller.ts";

/** What a job does with each task. */
export type BulkAction = "revoke" | "retry" | "rerun";

/** All actions. */
export const BULK_ACTIONS: readonly BulkAction[] = ["revoke", "retry", "rerun"];

/** Which tasks a job changes: those that match all conditions, and were created before it was frozen. */
export interface BulkFilter {
  /** Conditions in the grammar of the page: `state:failure name:mail.*`. Default: all tasks. */
  readonly q?: string;
  /** Only these tasks. */
  readonly ids?: readonly string[];
}

/** A job to start. */
export interface NewBulkJob {
  /** A UUID. */
  readonly id: string;
  readonly action: BulkAction;
  /** Whether running tasks are terminated; only of `revoke`. */
  readonly terminate: boolean;
  readonly filter: BulkFilter;
  /** Only tasks created before this time. */
  readonly frozenAt: Date;
  /** Tasks that matched when it began; `null` if they were too many to count. */
  readonly matched: number | null;
  /** Whose rights limit the job. */
  readonly caller: Caller;
}

/** A task that a job could not change, and why. */
export interface Refusal {
  readonly id: string;
  readonly reason: string;
}

/** A stored job. */
export interface BulkJob extends NewBulkJob {
  /** Where the next step begins; `null` at the beginning. */
  readonly position: string | null;
  /** Tasks that it has changed. */
  readonly done: number;
  /** Tasks that it could not change. */
  readonly refused: number;
  /** The first of them. */
  readonly refusals: readonly Refusal[];
  readonly createdAt: Date;
  /** `null` while it runs. */
  readonly endedAt: Date | null;
  /** Why it ended early; `null` if it did not. */
  readonly stopped: string | null;
}
