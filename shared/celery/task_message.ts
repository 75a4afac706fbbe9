/** A task message of Celery, parsed.
 * @module
 */
import type { Headers } from "../broker/message.ts";

/** What follows a task, as wire signatures. */
export interface Embed {
  readonly callbacks: readonly unknown[] | null;
  readonly errbacks: readonly unknown[] | null;
  /** In REVERSE order. */
  readonly chain: readonly unknown[] | null;
  readonly chord: unknown;
}

/** A task message, understood. Texts are storable: no NUL. */
export interface TaskMessage {
  readonly id: string;
  readonly task: string;
  readonly args: unknown[];
  readonly kwargs: Record<string, unknown>;
  /** Its typed values (`typed.ts`) are kept, so that Python reads them as it wrote them. */
  readonly embed: Embed;
  /** Failed attempts so far. */
  readonly retries: number;
  readonly eta: Date | null;
  readonly expires: Date | null;
  /** Seconds. */
  readonly timeLimit: number | null;
  /** Seconds. */
  readonly softTimeLimit: number | null;
  /** The task itself when the sender named none. */
  readonly rootId: string;
  readonly parentId: string | null;
  readonly group: string | null;
  readonly groupIndex: number | null;
  readonly shadow: string | null;
  /** The sender's, or ours where it sent none. */
  readonly argsRepr: string;
  readonly kwargsRepr: string;
  readonly origin: string | null;
  /** `null`: as the task says. */
  readonly ignoreResult: boolean | null;
  readonly replacedTaskNesting: number;
  readonly stamps: Headers;
  readonly replyTo: string | null;
  readonly correlationId: string | null;
  readonly priority: number | null;
  /** What the sender added. */
  readonly headers: Headers;
}

/** Failed attempts of a task. What replaces a task is sent as its next attempt, so that a copy of the task's own message finds that it is late;
 * but it has failed no attempt (`replacedTaskNesting` counts them). */
export function failedAttempts(
  { retries, replacedTaskNesting }: Pick<TaskMessage, "retries" | "replacedTaskNesting">,
): number {
  return Math.max(0, retries - replacedTaskNesting);
}
