/** Which events a subscriber receives. */
import { matchesHeaders, matchesTopic } from "../broker/routing.ts";
import type { Headers } from "../broker/message.ts";
import { InvalidInput } from "../errors.ts";
import { attributeHeaders, HEADER_PREFIX } from "./amqp.ts";
import { type AttributeValue, checkAttributeName } from "./attributes.ts";
import type { CloudEvent } from "./cloud_event.ts";
import { checkPattern } from "./pattern.ts";

/** Attributes that an event must have: equal values, or `null` for any value. */
export type Where = Readonly<Record<string, AttributeValue | null>>;

/** A subscriber receives an event whose type matches one of the patterns, and whose attributes match `where`. */
export interface Selection {
  /** Patterns of types, such as `orders.*.paid`; at least one. */
  readonly patterns: readonly string[];
  /** Empty: no condition. */
  readonly where: Where;
  /** Whether all or any of the attributes in `where` must match. */
  readonly match: "all" | "any";
}

const INT32 = 2 ** 31;

/** Checks a selection.
 *
 * @throws {InvalidInput} `patterns`, `where` or `match`, or a name in it, such as `where.tenant` */
export function checkSelection({ patterns, where, match }: Selection): void {
  if (patterns.length === 0) {
    throw new InvalidInput(
      "Cannot subscribe because no pattern is given: give one, such as 'orders.#', or '#' for all events",
      "patterns",
    );
  }
  patterns.forEach((pattern) => checkPattern(pattern));
  for (const [name, value] of Object.entries(where)) {
    try {
      checkAttributeName(name);
    } catch (cause) {
      if (!(cause instanceof InvalidInput)) throw cause;
      throw new InvalidInput(cause.message, `where.${name}`, { cause });
    }
    if (value === null || typeof value === "string" || typeof value === "boolean") continue;
    if (Number.isInteger(value) && value >= -INT32 && value < INT32) continue;
    throw new InvalidInput(
      `Cannot select events by ${name} because its value is neither text nor boolean nor a 32-bit integer: correct it, or use null for any value`,
      `where.${name}`,
    );
  }
  if (match !== "all" && match !== "any") {
    throw new InvalidInput(
      `Cannot subscribe because match '${match}' is neither 'all' nor 'any': choose one`,
      "match",
    );
  }
  if (match === "any" && Object.keys(where).length === 0) {
    throw new InvalidInput(
      "Cannot subscribe with match 'any' because `where` has no attribute, so no event would match: give one, or leave match out",
      "match",
    );
  }
}

/** Whether RabbitMQ would route an event to a queue that is bound by each pattern to the topic exchange, and by `where` to the headers
 * exchange: the subscriber receives the events that reach both.
 *
 * @example
 * ```ts
 * import { selects } from "./selection.ts";
 * import { cloudEvent } from "./cloud_event.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = cloudEvent({ specversion: "1.0", id: "1", source: "/s", type: "orders.eu.paid", tenant: "acme" });
 * const selection = { patterns: ["orders.*.paid"], where: { tenant: "acme", urgent: null }, match: "all" } as const;
 * assertEquals(selects(selection, event), false);
 * assertEquals(selects({ ...selection, match: "any" }, event), true);
 * ```
 */
export function selects(selection: Selection, event: CloudEvent): boolean {
  return selectsType(selection, event.type) &&
    (!hasCondition(selection) || selectsHeaders(selection, attributeHeaders(event)));
}

/** Whether a type matches one of the patterns. */
export function selectsType({ patterns }: Pick<Selection, "patterns">, type: string): boolean {
  return patterns.some((pattern) => matchesTopic(pattern, type));
}

/** Whether the selection depends on more than the type. */
export function hasCondition({ where }: Pick<Selection, "where">): boolean {
  for (const _ in where) return true;
  return false;
}

/** Whether the attributes match `where`, which has one at least.
 *
 * @param headers as of {@linkcode attributeHeaders} */
export function selectsHeaders(
  selection: Pick<Selection, "where" | "match">,
  headers: Headers,
): boolean {
  return matchesHeaders(bindingArguments(selection), headers);
}

/** The arguments with which a queue is bound to the headers exchange of events. */
export function bindingArguments({ where, match }: Pick<Selection, "where" | "match">): Headers {
  const wanted = Object.entries(where).map(([name, value]) => [HEADER_PREFIX + name, value]);
  return { "x-match": match, ...Object.fromEntries(wanted) };
}
