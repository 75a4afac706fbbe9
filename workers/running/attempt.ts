/** An attempt of a task, and what its handler returned. */
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
  /** Arguments by name as received. A child process parses them itself. */
  readonly raw: Record<string, unknown>;
  readonly parsed: Record<string, unknown>;
  readonly deliveries: number;
  /** By the database's clock. */
  readonly startedAt: Date;
  /** `performance.now()` at its start. */
  readonly began: number;
  readonly ignoreResult: boolean;
  /** It is one call of a map; its result is one item of the stored list. */
  readonly inSeries: boolean;
  /** Further facts about the run, stored in its record. */
  readonly meta: Meta;
  /** Work that the handler submitted. */
  readonly sent: TaskSubmissions;
}

/** What a run returned: JSON text of the result (`stored`: its record is already final), a replacement, or `overtaken` if another run made the
 * record final first. */
export type Returned =
  | { readonly result: string; readonly stored: boolean }
  | { readonly replacement: unknown }
  | "overtaken";
