/** Dead letters as rows. */
import type { Properties } from "../broker/message.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import { toStored } from "../broker/stored_message.ts";
import type { DeadLetter } from "./letter.ts";

/** A letter as it is listed: without what is large. */
export interface LetterSummary extends Omit<DeadLetter, "message"> {
  readonly collectedAt: Date;
  /** Bytes of the body. */
  readonly size: number;
}

/** A letter with all there is of its message. */
export interface StoredLetter extends LetterSummary {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: Properties;
  /** As the outbox keeps them: what JSON has no type for is an object of one key, such as `$bytes`. */
  readonly headers: Record<string, unknown>;
  readonly body: Uint8Array;
}

/** A listed letter, in columns. */
export interface SummaryRow {
  readonly id: string;
  readonly collected_at: Date;
  readonly time: string;
  readonly task_id: string | null;
  readonly task: string | null;
  readonly retries: number;
  readonly queue: string;
  readonly reason: string;
  readonly detail: string | null;
  readonly worker: string | null;
  readonly died_at: Date | null;
  readonly size: number;
}

/** A whole letter, in columns. */
export interface Row extends SummaryRow {
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: Properties;
  readonly headers: Record<string, unknown>;
  readonly body: Uint8Array;
}

/** A letter as it is inserted. */
export function toRow({ message, ...letter }: DeadLetter) {
  const stored = toStored(message);
  return {
    id: letter.id,
    task_id: letter.taskId,
    task: letter.task,
    retries: letter.retries,
    queue: letter.queue,
    reason: letter.reason,
    detail: letter.detail,
    worker: letter.worker,
    died_at: letter.diedAt,
    ...stored,
    exchange: sanitizeText(stored.exchange),
    routing_key: sanitizeText(stored.routing_key),
  };
}

/** A letter as it is listed. */
export function toSummary(row: SummaryRow): LetterSummary {
  return {
    id: row.id,
    collectedAt: row.collected_at,
    taskId: row.task_id,
    task: row.task,
    retries: row.retries,
    queue: row.queue,
    reason: row.reason,
    detail: row.detail,
    worker: row.worker,
    diedAt: row.died_at,
    size: row.size,
  };
}
