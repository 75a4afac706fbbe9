/** Dead-letter headers as RabbitMQ sets them. */
import type { HeaderValue, Message } from "../message.ts";
import { isTable } from "../headers.ts";

/** Why a queue dead-lettered a message. */
export type DeathReason = "rejected" | "expired";

/** The message for the dead-letter exchange: with queue and reason in `x-death`, and without its expiration.
 *
 * @example
 * ```ts
 * import { deadLetter } from "./dead_letter.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const message = { exchange: "", routingKey: "q", properties: { expiration: "5" }, headers: {}, body: new Uint8Array() };
 * const dead = deadLetter(message, { to: "dlx", queue: "q", reason: "expired", at: new Date(0) });
 * assertEquals(dead.headers["x-first-death-reason"], "expired");
 * assertEquals(dead.properties, {});
 * ```
 */
export function deadLetter(
  message: Message,
  { to, queue, reason, at }: { to: string; queue: string; reason: DeathReason; at: Date },
): Message {
  const { expiration, ...properties } = message.properties;
  const { "x-death": known, "x-delivery-count": _count, ...headers } = message.headers;
  const isSame = (death: Record<string, unknown>) =>
    death["queue"] === queue && death["reason"] === reason;
  const before = Array.isArray(known) ? known.filter(isTable) : [];
  const same = before.find(isSame);
  const death: Record<string, HeaderValue> = {
    count: Number(same?.["count"] ?? 0) + 1,
    queue,
    reason,
    exchange: message.exchange,
    "routing-keys": [message.routingKey],
    time: at,
    ...(expiration === undefined ? {} : { "original-expiration": expiration }),
  };
  return {
    ...message,
    exchange: to,
    properties,
    headers: {
      "x-first-death-exchange": message.exchange,
      "x-first-death-queue": queue,
      "x-first-death-reason": reason,
      ...headers,
      "x-death": [death, ...before.filter((other) => other !== same)],
    },
  };
}
