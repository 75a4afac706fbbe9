/** Who waits for which reply. */
import type { ReplyOptions } from "../broker.ts";
import type { Message } from "../message.ts";

/** The pseudo-queue of RabbitMQ's direct reply-to; replies go to names that begin with it. */
export const DIRECT_REPLY = "amq.rabbitmq.reply-to";

/** Whether a message goes straight to one who waits, and to no queue. */
export function isDirectReply(message: Message): boolean {
  return message.exchange === "" && message.routingKey.startsWith(DIRECT_REPLY);
}

/** Hands replies to those who wait for them, by correlation id.
 *
 * @example
 * ```ts
 * import { Replies } from "./replies.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const replies = new Replies();
 * const waiting = new AbortController();
 * let heard = 0;
 * replies.expect("7", { signal: waiting.signal, receive: () => heard++ });
 * const reply = { exchange: "", routingKey: "", properties: { correlationId: "7" }, headers: {}, body: new Uint8Array() };
 * replies.hear(reply);
 * waiting.abort();
 * replies.hear(reply);
 * assertEquals(heard, 1);
 * ```
 */
export class Replies {
  readonly #waiting = new Map<string, Set<ReplyOptions>>();

  /** Waits until the signal ends it. */
  expect(correlationId: string, reply: ReplyOptions): void {
    if (reply.signal.aborted) return;
    const others = this.#waiting.get(correlationId) ?? new Set();
    this.#waiting.set(correlationId, others.add(reply));
    reply.signal.addEventListener("abort", () => {
      others.delete(reply);
      if (others.size === 0) this.#waiting.delete(correlationId);
    }, { once: true });
  }

  /** Hands a reply on; one that nobody waits for is dropped. */
  hear(message: Message): void {
    const { correlationId } = message.properties;
    if (correlationId === undefined) return;
    for (const reply of this.#waiting.get(correlationId) ?? []) reply.receive(message);
  }
}
