/** One attempt of a task, ready to run. */
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import type { Meta } from "../../shared/results/result.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import type { Handler } from "../handlers.ts";
import type { TaskSubmissions } from "./task_submissions.ts";

/** One attempt, ready to run. */
export interface Attempt {
  readonly task: TaskMessage;
  readonly queue: string;
  readonly contract: TaskContract;
  readonly handler: Handler;
  /** Arguments by name as they came; a child process parses them itself. */
  readonly raw: Record<string, unknown>;
  readonly parsed: Record<string, unknown>;
  readonly deliveries: number;
  readonly startedAt: Date;
  readonly ignoreResult: boolean;
  /** It is one call of a map, whose result is one item of the record. */
  readonly inSeries: boolean;
  /** What is worth knowing of the run beside its outcome; kept in the record. */
  readonly meta: Meta;
  /** What its handler has submitted. */
  readonly sent: TaskSubmissions;
}

/** What a run led to: JSON text of its result, `stored` if its record is final already; or (`overtaken`) a record that another run had made
 * final. */
export type Returned =
  | { readonly result: string; readonly stored: boolean }
  | { readonly replacement: unknown }
  | "overtaken";
