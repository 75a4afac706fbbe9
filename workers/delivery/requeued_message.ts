/** Copies of messages that are requeued through the outbox. */
import { checkHeaders } from "../../shared/broker/header_limit.ts";
import type { Delivery } from "../../shared/broker/broker.ts";
import type { Message } from "../../shared/broker/message.ts";
import { type RetryChanges, retryMessage } from "../../shared/celery/message.ts";

/** Copies a delivery's message, to be sent to its queue again.
 *
 * @throws {InvalidInput} if the new headers are too large, or have values that only other clients can send */
export function requeuedMessage(
  { message }: Pick<Delivery, "message">,
  queue: string,
  changes: Omit<RetryChanges, "queue">,
): Message {
  const again = retryMessage(message, { ...changes, queue });
  checkHeaders(again.headers);
  return again;
}
