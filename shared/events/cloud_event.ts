/** An event of CloudEvents 1.0, as its JSON format has it. */
import {
  type Attributes,
  type AttributeValue,
  checkAttributes,
  DATA_MEMBERS,
  invalid,
} from "./attributes.ts";

/** An event: its attributes, and its payload in `data` (a JSON value; text if `datacontenttype` is not JSON) or `data_base64` (bytes).
 * Frozen, valid, and the same object that a JSON pointer reads. */
export interface CloudEvent {
  /** Version of CloudEvents. */
  readonly specversion: "1.0";
  /** Unique together with `source`. */
  readonly id: string;
  /** URI reference of the sender. */
  readonly source: string;
  /** 1 to 255 bytes; words separated by dots, such as `orders.eu.paid`. */
  readonly type: string;
  /** What the event is about, for the source: such as the name of a file. */
  readonly subject?: string;
  /** RFC 3339. */
  readonly time?: string;
  /** Media type of the payload. Default JSON. */
  readonly datacontenttype?: string;
  /** Absolute URI of the payload's schema. */
  readonly dataschema?: string;
  /** Payload: a JSON value, or text. */
  readonly data?: unknown;
  /** Payload in bytes, in base64. */
  readonly data_base64?: string;
  /** Extensions. */
  readonly [extension: string]: unknown;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Checks a value of the JSON format.
 *
 * @param at prefix of the fields in errors, such as `[2].` for the third event of a batch
 * @throws {InvalidInput} naming the attribute
 *
 * @example
 * ```ts
 * import { cloudEvent } from "./cloud_event.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const event = cloudEvent({ specversion: "1.0", id: "1", source: "/shop", type: "orders.paid", subject: null });
 * assertEquals(event, { specversion: "1.0", id: "1", source: "/shop", type: "orders.paid" });
 * assertThrows(() => cloudEvent({ ...event, type: "" }), Error, "Cannot accept event because its type is empty");
 * ```
 */
export function cloudEvent(value: unknown, at = ""): CloudEvent {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid("event", "it is no object", {
      remedy: 'send one, such as {"type": "orders.paid", "data": {}}',
      field: at.replace(/\.$/, "") || undefined,
    });
  }
  const { data, data_base64, ...given } = value as Record<string, unknown>;
  const attributes = checkAttributes(given, at) as unknown as CloudEvent;
  if (data_base64 === undefined || data_base64 === null) {
    return Object.freeze(data === undefined ? attributes : { ...attributes, data });
  }
  if (data !== undefined) {
    throw invalid("event", "it has both data and data_base64", {
      remedy: "send one of them",
      field: `${at}data_base64`,
    });
  }
  if (typeof data_base64 !== "string" || !BASE64.test(data_base64)) {
    throw invalid("event", "its data_base64 is no base64 text", {
      remedy: "encode the bytes as RFC 4648, section 4, defines it",
      field: `${at}data_base64`,
    });
  }
  return Object.freeze({ ...attributes, data_base64 });
}

/** The attributes of an event, without its payload. */
export function attributesOf(event: CloudEvent): Attributes {
  const attributes = Object.entries(event).filter(([name]) => !DATA_MEMBERS.includes(name));
  return Object.fromEntries(attributes as [string, AttributeValue][]);
}
