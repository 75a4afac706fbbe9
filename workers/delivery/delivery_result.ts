/** The result of executing a delivery. */
import type { Delivery } from "../../shared/broker/broker.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import type { Outcome } from "./outcome.ts";
import type { Meta } from "../../shared/results/result.ts";
import type { TaskSubmissions } from "../running/task_submissions.ts";

/** A delivery, its outcome, and the facts that its record and events contain. */
export interface DeliveryResult {
  readonly delivery: Delivery;
  /** Queue that it was consumed from. */
  readonly queue: string;
  /** `null` if the message could not be decoded. */
  readonly task: TaskMessage | null;
  /** The task's id. A message that could not be decoded may still have one. */
  readonly id: string | null;
  readonly outcome: Outcome;
  /** Store no result and create no record, because the message or the contract sets `ignore_result`. */
  readonly ignoreResult: boolean;
  /** A record already exists: a submission in SQL or an earlier delivery created it. */
  readonly hasRecord: boolean;
  /** Deliveries of this attempt that the store has counted. */
  readonly deliveries: number;
  /** When the handler was called; `null` if it was not. */
  readonly startedAt: Date | null;
  /** Work that the handler submitted. */
  readonly sent?: TaskSubmissions;
  /** Further facts about the run. */
  readonly meta?: Meta;
  /** Seconds in the handler; `null` if it was not called. */
  readonly runtime: number | null;
}
