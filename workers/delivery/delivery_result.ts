/** One delivery's way through the worker. */
import type { Delivery } from "../../shared/broker/broker.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import type { Outcome } from "./outcome.ts";
import type { Meta } from "../../shared/results/result.ts";
import type { TaskSubmissions } from "../running/task_submissions.ts";

/** What is known of a delivery when its outcome is. */
export interface DeliveryResult {
  readonly delivery: Delivery;
  /** Queue that it was consumed from. */
  readonly queue: string;
  /** `null` when the message could not be understood. */
  readonly task: TaskMessage | null;
  /** The task's id, also where the message could not be understood but names one. */
  readonly id: string | null;
  readonly outcome: Outcome;
  /** No result may be kept (the message or the contract says `ignore_result`), and no record made. */
  readonly ignoreResult: boolean;
  /** There is a record already: of a submission in SQL, or of an earlier delivery. */
  readonly hasRecord: boolean;
  /** Hand-outs by the broker, as far as the store knows. */
  readonly deliveries: number;
  /** When the handler was called; `null` if it never was. */
  readonly startedAt: Date | null;
  /** What its handler has submitted. */
  readonly sent?: TaskSubmissions;
  /** What else is known of the run. */
  readonly meta?: Meta;
  /** Seconds in the handler; `null` if it never ran. */
  readonly runtime: number | null;
}
