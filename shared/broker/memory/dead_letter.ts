/** What a message becomes when its queue sets it aside, as RabbitMQ has it. Pure. */
import type { HeaderValue, Message } from "../message.ts";
import { isTable } from "../headers.ts";

/** Why a queue set a message aside. */
export type Death = "rejected" | "expired";

/** The message for the dead-letter exchange: where it was and why in `x-death`, and no longer expiring.
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
  { to, queue, reason, at }: { to: string; queue: string; reason: Death; at: Date },
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
