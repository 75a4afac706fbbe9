/** Exchanges, queues and policies for events.
 *
 * | object | type | bound to | use |
 * |---|---|---|---|
 * | `event.celeriac` | topic | - | entry; routing key = type of the event |
 * | `inbox.celeriac` | quorum queue | `event.celeriac` by `#` | the dispatcher's; one active consumer |
 * | `forward.celeriac` | quorum queue | `event.celeriac` by `#` | the forwarder's; one active consumer |
 * | `type.event.celeriac` | topic | - | the forwarder publishes here; receivers bind by type |
 * | `every.event.celeriac` | fanout | `type.event.celeriac` by `#` | all events |
 * | `match.event.celeriac` | headers | `type.event.celeriac` by `#` | events by attribute: header `cloudEvents_<attribute>` |
 * | `log.celeriac` | stream, optional | `every.event.celeriac` | replay by other systems |
 *
 * A publisher's confirm depends on the two quorum queues alone. A queue of another system that is full or without a majority holds up
 * the forwarder at most: it is bound behind it, and other systems cannot bind to the entry.
 * @module
 */
import type { Exchange, Policy, Queue, Topology } from "./declaration.ts";

/** Exchange that receives every event. Its routing key is the type of the event. */
export const ENTRY_EXCHANGE = "event.celeriac";
/** Exchange from which listening workers and other systems receive events by type. */
export const EVENT_TYPE_EXCHANGE = "type.event.celeriac";
/** Exchange that passes on all events. */
export const EVERY_EVENT_EXCHANGE = "every.event.celeriac";
/** Exchange that selects events by their attributes. */
export const EVENT_MATCH_EXCHANGE = "match.event.celeriac";
/** Queue of the dispatcher. */
export const INBOX_QUEUE = "inbox.celeriac";
/** Queue of the forwarder. */
export const FORWARD_QUEUE = "forward.celeriac";
/** Stream with the events of the last days. */
export const EVENT_STREAM = "log.celeriac";
/** Prefix of the queues in which other systems receive events. */
export const SUBSCRIBER_PREFIX = "sub.";

/** Deliveries of an event that the dispatcher or the forwarder returns are its own failures, so the limit only stops an endless loop.
 * RabbitMQ 3.10 rejects -1 ("no limit"). */
const RETURN_LIMIT = 1_000_000;

/** Bytes of undispatched events, above which publishers are refused and their events wait in the outbox: 4 GB. */
const INBOX_BYTES = 4_000_000_000;

/** Bytes of events that are not forwarded yet, above which the oldest are dropped: 1 GB. */
const FORWARD_BYTES = 1_000_000_000;

/** Age and bytes of the stream: a week, at most 10 GB. */
const STREAM_AGE = "7D";
const STREAM_BYTES = 10_000_000_000;

/** Bytes in the queue of another system, after which it drops its oldest events: 1 GB. */
const SUBSCRIBER_BYTES = 1_000_000_000;

/** Milliseconds after which a queue of another system without consumers is deleted: two weeks. */
const SUBSCRIBER_EXPIRY_MS = 14 * 24 * 60 * 60 * 1000;

const ENTRY: Exchange = { name: ENTRY_EXCHANGE, type: "topic", durable: true };
const TYPE: Exchange = { name: EVENT_TYPE_EXCHANGE, type: "topic", durable: true };
const EVERY: Exchange = { name: EVERY_EVENT_EXCHANGE, type: "fanout", durable: true };
const MATCH: Exchange = { name: EVENT_MATCH_EXCHANGE, type: "headers", durable: true };

const INBOX: Queue = { name: INBOX_QUEUE, type: "quorum", singleActiveConsumer: true };
const FORWARD: Queue = { name: FORWARD_QUEUE, type: "quorum", singleActiveConsumer: true };
const STREAM: Queue = { name: EVENT_STREAM, type: "stream" };

const INBOX_POLICY: Policy = {
  name: "celeriac-inbox",
  pattern: String.raw`^inbox\.celeriac$`,
  priority: 120,
  definition: {
    "dead-letter-exchange": "dlx.celeriac",
    "dead-letter-strategy": "at-least-once",
    "overflow": "reject-publish",
    "delivery-limit": RETURN_LIMIT,
    "max-length-bytes": INBOX_BYTES,
  },
};

/** It must never refuse a publisher. */
const FORWARD_POLICY: Policy = {
  name: "celeriac-forward",
  pattern: String.raw`^forward\.celeriac$`,
  priority: 125,
  definition: {
    "overflow": "drop-head",
    "delivery-limit": RETURN_LIMIT,
    "max-length-bytes": FORWARD_BYTES,
  },
};

const STREAM_POLICY: Policy = {
  name: "celeriac-log",
  pattern: String.raw`^log\.celeriac$`,
  priority: 130,
  definition: { "max-age": STREAM_AGE, "max-length-bytes": STREAM_BYTES },
};

const SUBSCRIBER_POLICY: Policy = {
  name: "celeriac-subscribers",
  pattern: String.raw`^sub\.`,
  priority: 140,
  definition: {
    "max-length-bytes": SUBSCRIBER_BYTES,
    "overflow": "drop-head",
    "expires": SUBSCRIBER_EXPIRY_MS,
  },
};

/** Everything that events need on the broker, except the exchange of the dead letters.
 *
 * @param options.stream whether the stream is part of it. Default `false`
 *
 * @example
 * ```ts
 * import { eventTopology } from "./event_topology.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { exchanges, queues } = eventTopology();
 * assertEquals(exchanges.map(({ type }) => type), ["topic", "topic", "fanout", "headers"]);
 * assertEquals(queues.map(({ name }) => name), ["inbox.celeriac", "forward.celeriac"]);
 * ```
 */
export function eventTopology({ stream = false }: { stream?: boolean } = {}): Topology {
  return {
    exchanges: [ENTRY, TYPE, EVERY, MATCH],
    queues: [INBOX, FORWARD, ...(stream ? [STREAM] : [])],
    bindings: [
      { exchange: ENTRY_EXCHANGE, queue: INBOX_QUEUE, routingKey: "#" },
      { exchange: ENTRY_EXCHANGE, queue: FORWARD_QUEUE, routingKey: "#" },
      { exchange: EVENT_TYPE_EXCHANGE, toExchange: EVERY_EVENT_EXCHANGE, routingKey: "#" },
      { exchange: EVENT_TYPE_EXCHANGE, toExchange: EVENT_MATCH_EXCHANGE, routingKey: "#" },
      ...(stream ? [{ exchange: EVERY_EVENT_EXCHANGE, queue: EVENT_STREAM, routingKey: "" }] : []),
    ],
    policies: [INBOX_POLICY, FORWARD_POLICY, ...(stream ? [STREAM_POLICY] : []), SUBSCRIBER_POLICY],
  };
}
