/** Direct replies by correlation id. */
import type { ReplyOptions } from "../broker.ts";
import type { Message } from "../message.ts";

/** The pseudo-queue of RabbitMQ's direct reply-to, and the prefix of reply addresses. */
export const DIRECT_REPLY = "amq.rabbitmq.reply-to";

/** Whether a message is a direct reply, which goes to no queue. */
export function isDirectReply(message: Message): boolean {
  return message.exchange === "" && message.routingKey.startsWith(DIRECT_REPLY);
}

/** Dispatches replies to their receivers by correlation id.
 *
 * @example
 * ```ts
 * import { Replies } from "./replies.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const replies = new Replies();
 * const waiting = new AbortController();
 * let received = 0;
 * replies.expect("7", { signal: waiting.signal, receive: () => received++ });
 * const reply = { exchange: "", routingKey: "", properties: { correlationId: "7" }, headers: {}, body: new Uint8Array() };
 * replies.dispatch(reply);
 * waiting.abort();
 * replies.dispatch(reply);
 * assertEquals(received, 1);
 * ```
 */
export class Replies {
  readonly #receivers = new Map<string, Set<ReplyOptions>>();

  /** Registers a receiver until its signal aborts. */
  expect(correlationId: string, reply: ReplyOptions): void {
    if (reply.signal.aborted) return;
    const others = this.#receivers.get(correlationId) ?? new Set();
    this.#receivers.set(correlationId, others.add(reply));
    reply.signal.addEventListener("abort", () => {
      others.delete(reply);
      if (others.size === 0) this.#receivers.delete(correlationId);
    }, { once: true });
  }

  /** Dispatches a reply; drops it if there is no receiver. */
  dispatch(message: Message): void {
    const { correlationId } = message.properties;
    if (correlationId === undefined) return;
    for (const reply of this.#receivers.get(correlationId) ?? []) reply.receive(message);
  }
}
