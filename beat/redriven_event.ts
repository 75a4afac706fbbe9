/** Marks on an event that its dead letter was about one subscription: a redrive dispatches it to that one again. Pure. */
import { validate } from "uuid";
import type { Message } from "../shared/broker/message.ts";
import { SUBSCRIPTION_HEADER } from "./event_tasks.ts";

/** Header with the id of the replay that was to make the task. */
const REPLAY_HEADER = "celeriac-replay";

/** The task that an event has not become. */
export interface RedriveTarget {
  /** Name of the subscription. */
  readonly subscription: string;
  /** Id of the replay that was to make it; empty for the event's first task. */
  readonly replay: string;
}

/** The message of a dead letter that is about one subscription. */
export function withTarget(message: Message, { subscription, replay }: RedriveTarget): Message {
  const { [REPLAY_HEADER]: _, ...headers } = message.headers;
  return {
    ...message,
    headers: {
      ...headers,
      [SUBSCRIPTION_HEADER]: subscription,
      ...(replay !== "" && { [REPLAY_HEADER]: replay }),
    },
  };
}

/** The subscription to which a message is dispatched again; `undefined` for every other event.
 *
 * Only a message that was sent to the inbox directly has one, as a redrive sends it: publishers of events may write to the entry alone, and
 * cannot choose a subscription.
 *
 * @example
 * ```ts
 * import { redriveTarget, withTarget } from "./redriven_event.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = { exchange: "event.celeriac", routingKey: "orders.paid", properties: {}, headers: {}, body: new Uint8Array() };
 * const letter = withTarget(event, { subscription: "receipt", replay: "" });
 * assertEquals(redriveTarget(letter), undefined);
 * assertEquals(redriveTarget({ ...letter, exchange: "" }), { subscription: "receipt", replay: "" });
 * ```
 */
export function redriveTarget(
  { exchange, headers }: Pick<Message, "exchange" | "headers">,
): RedriveTarget | undefined {
  const subscription = headers[SUBSCRIPTION_HEADER];
  if (exchange !== "" || typeof subscription !== "string") return undefined;
  const replay = headers[REPLAY_HEADER];
  return {
    subscription,
    replay: typeof replay === "string" && validate(replay) ? replay : "",
  };
}
