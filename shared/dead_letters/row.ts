/** Rows of the table `celeriac.dead_letter`. */
import type { Properties } from "../broker/message.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import { toStored } from "../broker/stored_message.ts";
import type { DeadLetter } from "./letter.ts";

/** A letter in a list, without its message. */
export interface LetterSummary extends Omit<DeadLetter, "message"> {
  readonly collectedAt: Date;
  /** Bytes of the body. */
  readonly size: number;
}

/** A letter with its message. */
export interface StoredLetter extends LetterSummary {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: Properties;
  /** In the form of the outbox: values without a JSON type are objects with one key, such as `$bytes`. */
  readonly headers: Record<string, unknown>;
  readonly body: Uint8Array;
}

/** Columns of a listed letter. */
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

/** Columns of a complete letter. */
export interface Row extends SummaryRow {
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: Properties;
  readonly headers: Record<string, unknown>;
  readonly body: Uint8Array;
}

/** The row to insert for a letter. */
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

/** Converts a row to a listed letter. */
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
