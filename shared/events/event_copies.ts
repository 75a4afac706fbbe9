/** Compares copies of events with the first one. Pure. */
import { isDeepStrictEqual } from "node:util";
import { parseJson } from "../celery/python_json.ts";

/** Whether two events with the same key are one event. The order of members does not matter, nor how the time is written: the key depends
 * on its instant.
 *
 * @example
 * ```ts
 * import { isSameEvent } from "./event_copies.ts";
 * import { assert } from "@std/assert";
 *
 * assert(isSameEvent({ id: "1", data: { a: 1, b: 2 } }, { data: { b: 2, a: 1 }, id: "1" }));
 * assert(!isSameEvent({ id: "1", data: 1 }, { id: "1", data: 2 }));
 * ```
 */
export function isSameEvent(one: object, other: object): boolean {
  return isDeepStrictEqual(timeless(one), timeless(other));
}

/** The same for two JSON texts. */
export function isSameEventText(one: string, other: string): boolean {
  return one === other || isSameEvent(parsed(one), parsed(other));
}

function timeless(event: object): unknown {
  const { time: _, ...rest } = event as Record<string, unknown>;
  return rest;
}

function parsed(text: string): object {
  return parseJson(text, { typed: "keep" }) as object;
}
