/** Compares copies of events with the event that was recorded first. Pure. */
import { isDeepStrictEqual } from "node:util";
import { parseJson } from "../shared/celery/python_json.ts";

/** Whether two JSON texts of events with the same key are one event. The order of members does not matter, nor how the time is written:
 * the key depends on its instant.
 *
 * @example
 * ```ts
 * import { isSameEvent } from "./event_copies.ts";
 * import { assert } from "@std/assert";
 *
 * assert(isSameEvent('{"id":"1","data":{"a":1,"b":2}}', '{"data":{"b":2,"a":1},"id":"1"}'));
 * assert(!isSameEvent('{"id":"1","data":1}', '{"id":"1","data":2}'));
 * ```
 */
export function isSameEvent(one: string, other: string): boolean {
  return one === other || isDeepStrictEqual(timeless(one), timeless(other));
}

function timeless(text: string): unknown {
  const { time: _, ...event } = parseJson(text, { typed: "keep" }) as Record<string, unknown>;
  return event;
}
