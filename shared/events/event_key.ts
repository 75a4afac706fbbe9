/** Keys of events and ids of their tasks: the same event always gives the same ones, so copies are recognised. */
import { hashedUuid, millisecondsOf } from "../text/hashed_uuid.ts";
import { parseTime } from "./attributes.ts";
import type { CloudEvent } from "./cloud_event.ts";

/** The key of an event: a UUIDv7 of its `time`, or of an `id` that is a UUIDv7, with bits of the hash of `source` and `id`; without
 * either time a hash that is no UUIDv7.
 *
 * The time of arrival is never used, because a repeated request would get another key.
 *
 * @example
 * ```ts
 * import { eventKey } from "./event_key.ts";
 * import { timeOf } from "../results/uuid_time.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = { source: "/shop", id: "17", time: "2022-02-22T19:22:22Z" };
 * assertEquals(timeOf(eventKey(event)), new Date(event.time));
 * assertEquals(eventKey(event), eventKey({ ...event, time: "2022-02-22T20:22:22.000+01:00" }));
 * ```
 */
export function eventKey({ source, id, time }: Pick<CloudEvent, "source" | "id" | "time">): string {
  const milliseconds = time === undefined ? millisecondsOf(id) : parseTime(time);
  return hashedUuid([source, id], milliseconds);
}

/** The id of the task that an event becomes by a subscription. It has the time of the event's key.
 *
 * @param subscription name
 * @param replay id of a replay that creates tasks anew; absent for the event's first tasks */
export function eventTaskId(key: string, subscription: string, replay = ""): string {
  return hashedUuid([key, subscription, replay], millisecondsOf(key));
}
