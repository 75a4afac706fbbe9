/** Events that a handler emits with `context.emit()`. Pure. */
import { checkHeaders } from "../broker/header_limit.ts";
import { InvalidInput } from "../errors.ts";
import type { OutboxEntry } from "../outbox/outbox.ts";
import { hashedUuid, millisecondsOf } from "../text/hashed_uuid.ts";
import { toEventMessage } from "./amqp.ts";
import { cloudEvent } from "./cloud_event.ts";
import type { EventContracts } from "./event_contracts.ts";
import { eventKey } from "./event_key.ts";

/** Argument of `context.emit()`: the type of a contract, the payload, and any other attribute. */
export interface EventToEmit {
  /** Type of a contract. */
  readonly type: string;
  /** Payload: a JSON value. */
  readonly data?: unknown;
  /** Default: a UUID made from the task's id and the position among its emitted events, so that a repeated attempt emits the same events. */
  readonly id?: string;
  /** URI reference of the sender. Default `/celeriac`. */
  readonly source?: string;
  /** What the event is about. */
  readonly subject?: string;
  /** RFC 3339. Default: none. */
  readonly time?: string;
  /** Extensions: texts, booleans or 32-bit integers. */
  readonly [attribute: string]: unknown;
}

/** Source of an event without one. */
const SOURCE = "/celeriac";

/** Bytes of an event: as many as the API accepts. */
const MAX_BYTES = 1024 * 1024;

/** The outbox entry of an emitted event.
 *
 * @param context.taskId of the task that emits it
 * @param context.position among the events of the task, from 0
 * @throws {InvalidInput} naming the attribute
 *
 * @example
 * ```ts
 * import { emittedEntry } from "./emitted_event.ts";
 * import { EventContracts } from "./event_contracts.ts";
 * import { defineEvent } from "./event_contract.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const contracts = new EventContracts([defineEvent({ type: "orders.paid" })]);
 * const context = { taskId: "a", position: 0, contracts };
 * const { message, taskId } = emittedEntry({ type: "orders.paid" }, context);
 * assertEquals([message.routingKey, message.properties.messageId], ["orders.paid", taskId]);
 * assertEquals(emittedEntry({ type: "orders.paid" }, context).taskId, taskId);
 * assertThrows(() => emittedEntry({ type: "order.paid" }, context), Error, "did you mean 'orders.paid'?");
 * ```
 */
export function emittedEntry(
  given: EventToEmit,
  { taskId, position, contracts }: {
    taskId: string;
    position: number;
    contracts: Pick<EventContracts, "check">;
  },
): OutboxEntry {
  if (typeof given !== "object" || given === null) cloudEvent(given);
  const id = hashedUuid([taskId, "event", String(position)], millisecondsOf(taskId));
  const whole = cloudEvent({ specversion: "1.0", id, source: SOURCE, ...given });
  const [event = whole] = contracts.check([whole]);
  const key = eventKey(event);
  const message = toEventMessage(event, key);
  checkHeaders(message.headers);
  if (message.body.length > MAX_BYTES) {
    throw new InvalidInput(
      `Cannot emit event '${event.type}' because it has ${message.body.length} bytes and the limit is ${MAX_BYTES}: store the data elsewhere and send a reference`,
      "data",
    );
  }
  return { taskId: key, retries: 0, due: performance.now(), message };
}
