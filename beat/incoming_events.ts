/** Events that the dispatcher has received. */
import type { Delivery } from "../shared/broker/broker.ts";
import { INBOX_QUEUE } from "../shared/broker/event_topology.ts";
import { withoutTransport } from "../shared/celery/headers.ts";
import { stringifyJson } from "../shared/celery/python_json.ts";
import { type DeadLetter, letterIdOf, letterOf } from "../shared/dead_letters/letter.ts";
import { InvalidInput, Malformed } from "../shared/errors.ts";
import { readEventMessage } from "../shared/events/amqp.ts";
import type { CloudEvent } from "../shared/events/cloud_event.ts";
import { eventKey } from "../shared/events/event_key.ts";
import type { NewEvent } from "../shared/events/event_store.ts";
import type { Subscriptions } from "../shared/events/subscription_cache.ts";
import type { StoredSubscription } from "../shared/events/subscription_store.ts";
import type { AcceptedTask } from "../shared/outbox/publisher.ts";
import { ArgumentsOfEvent } from "./event_tasks.ts";

/** An event of a batch. */
export interface Incoming {
  readonly key: string;
  readonly event: CloudEvent;
  /** The event as it is recorded. */
  readonly json: string;
  readonly delivery: Delivery;
}

/** An event that is not recorded yet, and what it became by subscription. */
export interface Dispatching extends Incoming {
  readonly given: ArgumentsOfEvent;
  readonly tasks: Map<string, AcceptedTask>;
  readonly letters: Map<string, DeadLetter>;
}

/** Tasks that are published before their events are recorded, unless one event has more. Messages wait for those before them, and their
 * confirm timeout runs meanwhile: many more would move to the outbox under load, and a failure would repeat all of them. */
const TASKS = 1000;

/** An event that has become nothing yet. */
export function dispatching(incoming: Incoming): Dispatching {
  const given = new ArgumentsOfEvent(incoming.event);
  return { ...incoming, given, tasks: new Map(), letters: new Map() };
}

/** The first events, with at most {@linkcode TASKS} tasks together, and the subscriptions of each. */
export function firstPart(
  events: readonly Dispatching[],
  subscriptions: Subscriptions,
): [Dispatching, StoredSubscription[]][] {
  const part: [Dispatching, StoredSubscription[]][] = [];
  let tasks = 0;
  for (const one of events) {
    const selecting = subscriptions.of(one.event);
    tasks += selecting.length;
    if (part.length > 0 && tasks > TASKS) break;
    part.push([one, selecting]);
  }
  return part;
}

/** What is recorded of an event. */
export function newEvent({ key, event, json, tasks }: Dispatching): NewEvent {
  const ids = [...tasks].map(([name, { id }]) => [name, id]);
  return { key, event, json, tasks: Object.fromEntries(ids) };
}

/** The events of a batch, each once, and the messages that are none or have more than `maxBytes`. */
export function readEvents(
  deliveries: readonly Delivery[],
  maxBytes: number,
): { incoming: Map<string, Incoming>; malformed: DeadLetter[] } {
  const incoming = new Map<string, Incoming>();
  const malformed: DeadLetter[] = [];
  for (const delivery of deliveries) {
    const { length } = delivery.message.body;
    if (length > maxBytes) {
      const detail =
        `Cannot dispatch the event because its message has ${length} bytes and the limit is ${maxBytes}: publish a reference to the data, or raise CELERIAC_EVENT_MAX_BYTES and redrive`;
      malformed.push(eventLetter(delivery, "too-large", { detail, id: letterId(delivery) }));
      continue;
    }
    try {
      const event = readEventMessage(delivery.message);
      const key = eventKey(event);
      if (incoming.has(key)) continue;
      // Python's JSON, from which a message was read, has values that cannot be written again.
      incoming.set(key, { key, event, json: stringifyJson(event), delivery });
    } catch (error) {
      if (!(error instanceof InvalidInput || error instanceof Malformed)) throw error;
      malformed.push(
        eventLetter(delivery, "malformed", { detail: error.message, id: letterId(delivery) }),
      );
    }
  }
  return { incoming, malformed };
}

/** A dead letter of an event's message. */
export function eventLetter(
  { message }: Delivery,
  reason: "malformed" | "too-large" | "invalid-input",
  { detail, id }: { detail: string; id: string },
): DeadLetter {
  const diedAt = new Date();
  return letterOf(message, { reason, detail, queue: INBOX_QUEUE, worker: null, diedAt }, { id });
}

/** The id of a dead letter, the same for each delivery of a message. */
export function letterId({ message }: Delivery): string {
  return letterIdOf({ ...message, headers: withoutTransport(message.headers) });
}
