/** Events over HTTP: the HTTP binding of CloudEvents 1.0, and a plain form for people. */
import { v7 } from "uuid";
import { invalid } from "./attributes.ts";
import { type CloudEvent, cloudEvent } from "./cloud_event.ts";
import { isSameEvent } from "./event_copies.ts";
import { eventKey } from "./event_key.ts";
import { decodeUtf8, type JsonParser, mediaType, readPayload } from "./payload.ts";

/** Media type of one event in the JSON format. */
export const EVENT_TYPE = "application/cloudevents+json";
/** Media type of a list of events in the JSON format. */
export const BATCH_TYPE = "application/cloudevents-batch+json";

const ANY_EVENT_TYPE = /^application\/cloudevents\b/;
const PREFIX = "ce-";

/** A request or a response. */
export interface HttpEvents {
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Options of {@linkcode readHttpEvents}. */
export interface ReadHttpOptions {
  /** Source of a plain event without one. */
  readonly source: string;
  /** Parses JSON and throws when it is invalid. */
  readonly parse: JsonParser;
  /** Makes the id of a plain event without one. Default: a UUIDv7, which also gives the event its time. */
  readonly newId?: () => string;
}

/** The events of a request, in one of four forms:
 *
 * | form | sign | events |
 * |---|---|---|
 * | structured | `Content-Type: application/cloudevents+json` | 1 |
 * | batch | `Content-Type: application/cloudevents-batch+json` | any number |
 * | binary | header `ce-specversion`; the body is the payload | 1 |
 * | plain | `Content-Type: application/json` or none: `{type, data}`; all other attributes are optional | 1 |
 *
 * Each event is valid, or all are refused.
 *
 * @throws {InvalidInput} naming the attribute; in a batch with its index, such as `[2].type`
 * @throws what `parse` throws
 *
 * @example
 * ```ts
 * import { readHttpEvents } from "./http.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const headers = new Headers({ "content-type": "application/json" });
 * const body = new TextEncoder().encode('{"type": "orders.paid", "data": {"order": "17"}}');
 * const [event] = readHttpEvents({ headers, body }, { source: "/shop", parse: JSON.parse });
 * assertEquals([event?.source, event?.type, event?.data], ["/shop", "orders.paid", { order: "17" }]);
 * ```
 */
export function readHttpEvents(
  { headers, body }: HttpEvents,
  { source, parse, newId = v7 }: ReadHttpOptions,
): CloudEvent[] {
  const contentType = headers.get("content-type") ?? undefined;
  const type = mediaType(contentType ?? "application/json");
  const json = () => {
    const text = decodeUtf8(body);
    if (text !== undefined) return parse(text);
    throw invalid("event", "its body is not UTF-8", { remedy: "encode it as UTF-8" });
  };
  if (type === EVENT_TYPE) return [cloudEvent(json())];
  if (type === BATCH_TYPE) return batch(json());
  if (ANY_EVENT_TYPE.test(type)) {
    throw invalid("event", `its format '${type}' is not supported`, {
      remedy: `send ${EVENT_TYPE} or ${BATCH_TYPE}`,
    });
  }
  if (headers.has(`${PREFIX}specversion`)) return [binary(headers, body, contentType, parse)];
  if (type !== "application/json") {
    throw invalid("event", `a body of type '${type}' needs the attributes as headers`, {
      remedy: "add the header ce-specversion and the others of the binary mode, or send JSON",
    });
  }
  return [cloudEvent(completed(json(), source, newId))];
}

function batch(value: unknown): CloudEvent[] {
  if (!Array.isArray(value)) {
    throw invalid("events", "the batch is no array", { remedy: "send a list" });
  }
  const events = value.map((one, index) => cloudEvent(one, `[${index}].`));
  refuseConflicts(events);
  return events;
}

/** Refuses a batch in which two events have the same source, id and time but other content: one of them would be dropped as a copy. */
function refuseConflicts(events: readonly CloudEvent[]): void {
  const first = new Map<string, number>();
  for (const [index, event] of events.entries()) {
    const key = eventKey(event);
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, index);
    else if (!isSameEvent(event, events[earlier]!)) {
      throw invalid("event", `it has the source, id and time of [${earlier}] but other content`, {
        remedy: "give each event an id of its own",
        field: `[${index}].id`,
      });
    }
  }
}

/** Sets what a plain event may leave out. An event with a `specversion` is not plain: it must be complete. */
function completed(value: unknown, source: string, newId: () => string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if ("specversion" in value) return value;
  const { id, source: given, ...rest } = value as Record<string, unknown>;
  return { specversion: "1.0", id: id ?? newId(), source: given ?? source, ...rest };
}

function binary(
  headers: Headers,
  body: Uint8Array,
  contentType: string | undefined,
  parse: JsonParser,
): CloudEvent {
  const attributes = new Map<string, string>();
  for (const [header, value] of headers) {
    if (!header.startsWith(PREFIX)) continue;
    const name = header.slice(PREFIX.length);
    if (name === "datacontenttype" || name === "data_base64" || name === "data") {
      throw invalid("event", `its header ${header} is not part of the binary mode`, {
        remedy: "send Content-Type and a body",
        field: name,
      });
    }
    attributes.set(name, decoded(name, value));
  }
  return cloudEvent({
    ...Object.fromEntries(attributes),
    ...(contentType !== undefined && { datacontenttype: contentType }),
    ...readPayload(body, contentType, parse),
  });
}

/** Removes the quotes that some senders write, then the percent-encoding. */
function decoded(name: string, value: string): string {
  const unquoted = /^".*"$/s.test(value) ? value.slice(1, -1).replaceAll(/\\([^])/g, "$1") : value;
  try {
    return unquoted.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, decodeURIComponent);
  } catch (cause) {
    if (!(cause instanceof URIError)) throw cause;
    throw invalid("event", `its header ${PREFIX}${name} is not UTF-8 in percent-encoding`, {
      remedy: "encode it so",
      field: name,
    });
  }
}
