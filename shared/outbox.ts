/** The outbox: messages that Postgres holds until they are due or the broker can take them.
 *
 * ETA, retry delays and broker outages are one thing here: a message to publish at a time.
 * @module
 */
import type { Message } from "./broker/broker.ts";

/** A message and when it is due. Unique by (task id, retries): a second copy of one attempt is not stored. */
export interface OutboxEntry {
  readonly taskId: string;
  /** Failed attempts that the message counts (its header `retries`). */
  readonly retries: number;
  readonly dueAt: Date;
  readonly message: Message;
}
