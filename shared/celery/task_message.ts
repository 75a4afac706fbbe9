/** A parsed task message.
 * @module
 */
import type { Headers } from "../broker/message.ts";

/** The follow-ups of a task as wire signatures. */
export interface Embed {
  readonly callbacks: readonly unknown[] | null;
  readonly errbacks: readonly unknown[] | null;
  /** In REVERSE order. */
  readonly chain: readonly unknown[] | null;
  readonly chord: unknown;
}

/** A parsed task message. Postgres can store its texts: no NUL. */
export interface TaskMessage {
  readonly id: string;
  readonly task: string;
  readonly args: unknown[];
  readonly kwargs: Record<string, unknown>;
  /** Typed values (`typed.ts`) stay unchanged, so that Python reads them as it wrote them. */
  readonly embed: Embed;
  /** Failed attempts so far. */
  readonly retries: number;
  readonly eta: Date | null;
  readonly expires: Date | null;
  /** Seconds. */
  readonly timeLimit: number | null;
  /** Seconds. */
  readonly softTimeLimit: number | null;
  /** Default: the task itself. */
  readonly rootId: string;
  readonly parentId: string | null;
  readonly group: string | null;
  readonly groupIndex: number | null;
  readonly shadow: string | null;
  /** The sender's representation; ours if it sent none. */
  readonly argsRepr: string;
  readonly kwargsRepr: string;
  readonly origin: string | null;
  /** `null`: as the task defines. */
  readonly ignoreResult: boolean | null;
  readonly replacedTaskNesting: number;
  readonly stamps: Headers;
  readonly replyTo: string | null;
  readonly correlationId: string | null;
  readonly priority: number | null;
  /** Custom headers of the sender. */
  readonly headers: Headers;
}

/** Failed attempts of a task. A replacement is sent as the next attempt, so that a late copy of the original message is detected as stale.
 * It is not a failed attempt: `replacedTaskNesting` counts replacements. */
export function failedAttempts(
  { retries, replacedTaskNesting }: Pick<TaskMessage, "retries" | "replacedTaskNesting">,
): number {
  return Math.max(0, retries - replacedTaskNesting);
}
