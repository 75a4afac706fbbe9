/** Facts about one task, from which its reasons follow. */
import type { BrokerStatus, QueueMeasure } from "../../shared/broker/broker.ts";
import type { LetterSummary } from "../../shared/dead_letters/row.ts";
import type { StoredPause } from "../../shared/flow/pause_store.ts";
import type { StoredEntry } from "../../shared/outbox/outbox.ts";
import type { TaskRecord } from "../../shared/results/result.ts";
import type { WorkflowMember } from "../../shared/workflows/store.ts";
import type { SurveyedWorker } from "../reading/worker_survey.ts";

/** A fact that could not be read. */
export interface UnreadFact {
  readonly fact: "outbox" | "pauses" | "dead-letters" | "workflow" | "queue" | "workers";
  readonly reason: string;
}

/** Where a worker keeps a task: it runs, waits for its turn, or waits for a slot. */
export interface HeldTask {
  readonly worker: string;
  readonly standing: "active" | "scheduled" | "reserved";
}

/** Facts that are only read while the message of a task waits for a worker. Absent: not read. */
export interface QueueFacts {
  /** `missing`: the broker has no such queue. */
  readonly measure?: QueueMeasure | "missing";
  /** Workers that replied. */
  readonly workers?: readonly SurveyedWorker[];
  readonly held?: HeldTask;
  /** Tasks of the queue that ended per second during the last minute. */
  readonly perSecond?: number;
}

/** All facts. */
export interface TaskFacts extends QueueFacts {
  readonly now: Date;
  /** Whether its record may not be written yet. */
  readonly isYoung: boolean;
  readonly record: TaskRecord | undefined;
  /** Its place in its workflow, if it has not started. */
  readonly member?: WorkflowMember;
  /** Its messages in the outbox. */
  readonly messages: readonly StoredEntry[];
  /** Of all queues and tasks, those that are being resumed included. */
  readonly pauses: readonly StoredPause[];
  /** Its newest dead letter. */
  readonly letter: LetterSummary | undefined;
  readonly broker: BrokerStatus;
  /** `null`: unlimited or unknown. */
  readonly maxAttempts: number | null;
  readonly unread: readonly UnreadFact[];
}
