/** A delivery's message once more, as the outbox takes it. */
import { checkHeaders } from "../../shared/broker/header_limit.ts";
import type { Delivery } from "../../shared/broker/broker.ts";
import type { Message } from "../../shared/broker/message.ts";
import { type RetryChanges, retryMessage } from "../../shared/celery/message.ts";

/** Makes the message that is sent again to its queue.
 *
 * @throws {InvalidInput} when what is added to its headers makes them too large, or they hold what other clients can send and we cannot */
export function requeuedMessage(
  { message }: Pick<Delivery, "message">,
  queue: string,
  changes: Omit<RetryChanges, "queue">,
): Message {
  const again = retryMessage(message, { ...changes, queue });
  checkHeaders(again.headers);
  return again;
}
