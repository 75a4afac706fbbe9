/** Events as messages: the AMQP binding of CloudEvents 1.0, on AMQP 0-9-1. */
import { ENTRY_EXCHANGE } from "../broker/event_topology.ts";
import type { Headers, HeaderValue, Message } from "../broker/message.ts";
import { MAX_DEPTH, parseJson, stringifyJson } from "../celery/python_json.ts";
import { checkAttributeName, invalid } from "./attributes.ts";
import { attributesOf, type CloudEvent, cloudEvent } from "./cloud_event.ts";
import { EVENT_TYPE } from "./http.ts";
import { decodeUtf8, mediaType, readPayload } from "./payload.ts";

/** Prefix of the headers with attributes. The binding prefers it to `cloudEvents:`, which JMS clients cannot use. */
export const HEADER_PREFIX = "cloudEvents_";

/** Prefixes of headers with attributes, the last one first in precedence: of Knative's binding for RabbitMQ, and the two of CloudEvents'
 * binding for AMQP. */
const PREFIXES = ["ce-", "cloudEvents:", HEADER_PREFIX];

/** A message of an event for the entry exchange: in the JSON format, with its attributes as headers, by which a headers exchange matches.
 *
 * @param key of the event; becomes the message id
 *
 * @example
 * ```ts
 * import { toEventMessage } from "./amqp.ts";
 * import { cloudEvent } from "./cloud_event.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = cloudEvent({ specversion: "1.0", id: "1", source: "/shop", type: "orders.paid", tenant: "acme" });
 * const { exchange, routingKey, headers } = toEventMessage(event, "key");
 * assertEquals([exchange, routingKey], ["event.celeriac", "orders.paid"]);
 * assertEquals(headers.cloudEvents_tenant, "acme");
 * ```
 */
export function toEventMessage(event: CloudEvent, key: string): Message {
  return {
    exchange: ENTRY_EXCHANGE,
    routingKey: event.type,
    properties: {
      contentType: EVENT_TYPE,
      contentEncoding: "utf-8",
      deliveryMode: 2,
      messageId: key,
    },
    headers: attributeHeaders(event),
    body: new TextEncoder().encode(stringifyJson(event)),
  };
}

/** The attributes of an event as headers. */
export function attributeHeaders(event: CloudEvent): Headers {
  const attributes = Object.entries(attributesOf(event));
  return Object.fromEntries(attributes.map(([name, value]) => [HEADER_PREFIX + name, value]));
}

/** The event in a message, in structured or binary mode, with the headers of CloudEvents' binding for AMQP or of Knative's for RabbitMQ.
 *
 * @throws {InvalidInput} naming the attribute
 * @throws {Malformed} when a body that should be JSON is not
 *
 * @example
 * ```ts
 * import { readEventMessage } from "./amqp.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = readEventMessage({
 *   properties: { contentType: "application/json" },
 *   headers: { "cloudEvents:specversion": "1.0", "cloudEvents:id": "1", "cloudEvents:source": "/shop", "cloudEvents:type": "orders.paid" },
 *   body: new TextEncoder().encode('{"order": "17"}'),
 * });
 * assertEquals([event.type, event.data], ["orders.paid", { order: "17" }]);
 * ```
 */
export function readEventMessage(
  { properties: { contentType }, headers, body }: Pick<Message, "properties" | "headers" | "body">,
): CloudEvent {
  const type = contentType === undefined ? "" : mediaType(contentType);
  if (type === EVENT_TYPE) {
    const text = decodeUtf8(body);
    if (text !== undefined) return cloudEvent(parse(text));
    throw invalid("event", "its body is not UTF-8", { remedy: "encode it as UTF-8" });
  }
  if (type.startsWith("application/cloudevents")) {
    throw invalid("event", `its format '${type}' is not supported`, {
      remedy: `send ${EVENT_TYPE}, or the attributes as headers`,
    });
  }
  return cloudEvent({
    ...headerAttributes(headers),
    ...(contentType !== undefined && { datacontenttype: contentType }),
    ...readPayload(body, contentType, parse),
  });
}

/** Maximum nesting depth: leaves room for what tasks and responses of the API add around an event. */
const EVENT_DEPTH = MAX_DEPTH - 16;

/** Typed values of Celery's JSON are ordinary objects in events. */
function parse(text: string): unknown {
  return parseJson(text, { typed: "keep", depth: EVENT_DEPTH });
}

/** A header with a preferred prefix replaces one with another.
 *
 * @throws {InvalidInput} for a name that no attribute can have, such as `data`: the payload is the body alone */
function headerAttributes(headers: Headers): Record<string, unknown> {
  const attributes = PREFIXES.flatMap((prefix) =>
    Object.entries(headers).filter(([header]) => header.startsWith(prefix))
      .map(([header, value]) => attribute(header.slice(prefix.length), value))
  );
  for (const [name] of attributes) checkAttributeName(name);
  return Object.fromEntries(attributes);
}

/** AMQP has types of its own for times and bytes, which are text in an event. A time as an integer counts milliseconds: so the SDK for
 * Python writes it. Tables and lists stay, and are refused as attributes. */
function attribute(name: string, value: HeaderValue): [string, HeaderValue] {
  if (value instanceof Date) return [name, value.toISOString()];
  if (value instanceof Uint8Array) return [name, value.toBase64()];
  const time = name === "time" && typeof value === "number" ? new Date(value) : undefined;
  return [name, time && !isNaN(time.getTime()) ? time.toISOString() : value];
}
