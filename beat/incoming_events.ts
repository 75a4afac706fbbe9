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
import type { EventArguments } from "../shared/events/event_arguments.ts";
import { ArgumentsOfEvent } from "./event_tasks.ts";
import { type RedriveTarget, redriveTarget } from "./redriven_event.ts";

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

/** An event whose dead letter was sent again. */
export interface Redriven extends Incoming {
  readonly target: RedriveTarget;
}

/** Tasks that are published before their events are recorded, unless one event has more. Messages wait for those before them, and their
 * confirm timeout runs meanwhile: many more would move to the outbox under load, and a failure would repeat all of them. */
export const PART_TASKS = 1000;

/** Bytes of their bodies, without the last one: the broker and the outbox receive no more at once. */
export const PART_BYTES = 16 * 1024 * 1024;

/** An event that has become nothing yet. */
export function dispatching(incoming: Incoming): Dispatching {
  const given = new ArgumentsOfEvent(incoming.event);
  return { ...incoming, given, tasks: new Map(), letters: new Map() };
}

/** The first events, with at most {@linkcode PART_TASKS} tasks and about {@linkcode PART_BYTES} of their bodies together, and the
 * subscriptions of each. */
export function firstPart(
  events: readonly Dispatching[],
  subscriptions: Subscriptions,
): [Dispatching, StoredSubscription[]][] {
  const part: [Dispatching, StoredSubscription[]][] = [];
  let [tasks, bytes] = [0, 0];
  for (const one of events) {
    const selecting = subscriptions.of(one.event);
    tasks += selecting.length;
    for (const { deliver } of selecting) bytes += one.json.length * parts(deliver.args);
    if (part.length > 0 && (tasks > PART_TASKS || bytes > PART_BYTES)) break;
    part.push([one, selecting]);
  }
  return part;
}

/** How often arguments can contain the event. */
function parts(args: EventArguments): number {
  return typeof args === "string" ? 1 : Object.keys(args).length;
}

/** Dead letters in parts of at most {@linkcode LETTER_BYTES}, without the last one of each: each has the whole message. */
export function letterParts(letters: readonly DeadLetter[]): DeadLetter[][] {
  const all: DeadLetter[][] = [];
  let bytes = Infinity;
  for (const letter of letters) {
    if (bytes >= LETTER_BYTES) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)!.push(letter);
    bytes += letter.message.body.length;
  }
  return all;
}

/** Bytes of dead letters in one transaction. */
const LETTER_BYTES = 4 * 1024 * 1024;

/** What is recorded of an event. */
export function newEvent({ key, event, json, tasks }: Dispatching): NewEvent {
  const ids = [...tasks].map(([name, { id }]) => [name, id]);
  return { key, event, json, tasks: Object.fromEntries(ids) };
}

/** The messages of a batch. */
export interface Received {
  /** Events by key, each once. */
  readonly incoming: ReadonlyMap<string, Incoming>;
  /** Further messages with the keys of these. */
  readonly copies: readonly Incoming[];
  readonly redriven: readonly Redriven[];
  /** Messages that are no events, or have too many bytes. */
  readonly malformed: readonly DeadLetter[];
}

/** Reads the messages of a batch.
 *
 * @param maxBytes of a message's body */
export function readEvents(
  deliveries: readonly Delivery[],
  maxBytes: number,
): Received {
  const incoming = new Map<string, Incoming>();
  const copies: Incoming[] = [];
  const redriven: Redriven[] = [];
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
      // Python's JSON, from which a message was read, has values that cannot be written again.
      const one = { key, event, json: stringifyJson(event), delivery };
      const target = redriveTarget(delivery.message);
      if (target) redriven.push({ ...one, target });
      else if (incoming.has(key)) copies.push(one);
      else incoming.set(key, one);
    } catch (error) {
      if (!(error instanceof InvalidInput || error instanceof Malformed)) throw error;
      malformed.push(
        eventLetter(delivery, "malformed", { detail: error.message, id: letterId(delivery) }),
      );
    }
  }
  return { incoming, copies, redriven, malformed };
}

/** A dead letter of an event's message. */
export function eventLetter(
  { message }: Pick<Delivery, "message">,
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
