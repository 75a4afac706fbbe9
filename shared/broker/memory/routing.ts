/** Matches messages to bindings, as defined by AMQP 0-9-1 (3.1.3) and RabbitMQ. */
import type { Binding, Exchange } from "../declaration.ts";
import type { Headers, HeaderValue, Message } from "../message.ts";

/** Whether a message published to an exchange of this type matches the binding.
 *
 * @example
 * ```ts
 * import { matches } from "./routing.ts";
 * import { assert } from "@std/assert";
 *
 * const message = { exchange: "celeryev", routingKey: "task.sent", properties: {}, headers: {}, body: new Uint8Array() };
 * assert(matches("topic", { exchange: "celeryev", queue: "q", routingKey: "task.#" }, message));
 * ```
 */
export function matches(type: Exchange["type"], binding: Binding, message: Message): boolean {
  switch (type) {
    case "direct":
      return binding.routingKey === message.routingKey;
    case "fanout":
      return true;
    case "topic":
      return matchesWords(words(binding.routingKey), words(message.routingKey));
    case "headers":
      return matchesHeaders(binding.arguments ?? {}, message.headers);
  }
}

/** An empty key has no words; an empty word between dots counts. */
function words(key: string): string[] {
  return key === "" ? [] : key.split(".");
}

/** `*` matches one word, `#` any number of words. */
function matchesWords(pattern: readonly string[], key: readonly string[]): boolean {
  let ends = new Set([0]);
  for (const part of pattern) {
    const next = new Set<number>();
    for (const end of ends) {
      if (part === "#") { for (let from = end; from <= key.length; from++) next.add(from); }
      else if (end < key.length && (part === "*" || part === key[end])) next.add(end + 1);
    }
    ends = next;
  }
  return ends.has(key.length);
}

/** `x-match` selects whether all or any headers must be equal. Other arguments that begin with `x-` count only with `-with-x`; `null`
 * matches any value. */
function matchesHeaders(
  { "x-match": match = "all", ...given }: Headers,
  headers: Headers,
): boolean {
  const withX = String(match).endsWith("-with-x");
  const expected = Object.entries(given).filter(([name]) => withX || !name.startsWith("x-"));
  const isEqual = ([name, value]: [string, HeaderValue]) =>
    name in headers && (value === null || headers[name] === value);
  return String(match).startsWith("any") ? expected.some(isEqual) : expected.every(isEqual);
}
