/** Matches messages to bindings, as defined by AMQP 0-9-1 (3.1.3) and RabbitMQ (`rabbit_exchange_type_topic`, `rabbit_exchange_type_headers`). Pure. */
import type { Binding, Exchange } from "./declaration.ts";
import type { Headers, HeaderValue, Message } from "./message.ts";

/** Whether a message published to an exchange of this type matches the binding.
 *
 * @example
 * ```ts
 * import { matches } from "./routing.ts";
 * import { assert } from "@std/assert";
 *
 * const message = { exchange: "celeryev", routingKey: "task.sent", properties: {}, headers: {}, body: new Uint8Array() };
 * assert(matches("topic", { routingKey: "task.#" }, message));
 * ```
 */
export function matches(
  type: Exchange["type"],
  binding: Pick<Binding, "routingKey" | "arguments">,
  message: Pick<Message, "routingKey" | "headers">,
): boolean {
  switch (type) {
    case "direct":
      return binding.routingKey === message.routingKey;
    case "fanout":
      return true;
    case "topic":
      return matchesTopic(binding.routingKey, message.routingKey);
    case "headers":
      return matchesHeaders(binding.arguments ?? {}, message.headers);
  }
}

/** Whether a topic exchange routes a routing key by a pattern: words between dots, where `*` is one word and `#` any number of words,
 * none included.
 *
 * An empty key has no words; an empty word between dots counts. `*` and `#` inside of a word are ordinary characters.
 *
 * @example
 * ```ts
 * import { matchesTopic } from "./routing.ts";
 * import { assert } from "@std/assert";
 *
 * assert(matchesTopic("orders.*.paid", "orders.eu.paid"));
 * assert(matchesTopic("orders.#", "orders"));
 * assert(!matchesTopic("orders.*", "orders"));
 * ```
 */
export function matchesTopic(pattern: string, routingKey: string): boolean {
  const key = words(routingKey);
  // The numbers of the key's words that the pattern can have consumed so far.
  let ends = new Set([0]);
  for (const part of words(pattern)) {
    const next = new Set<number>();
    for (const end of ends) {
      if (part === "#") { for (let from = end; from <= key.length; from++) next.add(from); }
      else if (end < key.length && (part === "*" || part === key[end])) next.add(end + 1);
    }
    ends = next;
  }
  return ends.has(key.length);
}

/** Whether a headers exchange routes headers by a binding's arguments.
 *
 * `x-match` selects whether `all` (default) or `any` of the headers must be equal. Other arguments that begin with `x-` count only with
 * `all-with-x` and `any-with-x`; `null` matches any value of a header that is present. Without arguments `all` matches every message,
 * `any` none.
 *
 * @example
 * ```ts
 * import { matchesHeaders } from "./routing.ts";
 * import { assert } from "@std/assert";
 *
 * assert(matchesHeaders({ "x-match": "any", tenant: "acme", urgent: null }, { urgent: 0 }));
 * assert(!matchesHeaders({ tenant: "acme", urgent: null }, { urgent: 0 }));
 * ```
 */
export function matchesHeaders(
  { "x-match": match = "all", ...given }: Headers,
  headers: Headers,
): boolean {
  const withX = String(match).endsWith("-with-x");
  const expected = Object.entries(given).filter(([name]) => withX || !name.startsWith("x-"));
  const isEqual = ([name, value]: [string, HeaderValue]) =>
    Object.hasOwn(headers, name) && (value === null || headers[name] === value);
  return String(match).startsWith("any") ? expected.some(isEqual) : expected.every(isEqual);
}

function words(key: string): string[] {
  return key === "" ? [] : key.split(".");
}
