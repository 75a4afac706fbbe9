/** Messages in the form in which the outbox stores them. Header values keep their types. */
import type { Headers, HeaderValue, Message, Properties } from "./message.ts";

/** A message as table columns; `body` is base64. */
export interface StoredMessage {
  readonly exchange: string;
  readonly routing_key: string;
  /** JSON text. */
  readonly properties: string;
  /** JSON text; a value without a JSON type is an object with one key of {@linkcode TAGS}. */
  readonly headers: string;
  readonly body: string;
}

/** Keys that mark a tagged value. A real object with one such key is stored under `$object`. */
const TAGS = ["$date", "$bigint", "$bytes", "$number", "$object"] as const;

/** @example
 * ```ts
 * import { fromStored, toStored } from "./stored_message.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const message = {
 *   exchange: "celeriac",
 *   routingKey: "celeriac.default",
 *   properties: { contentType: "application/json" },
 *   headers: { id: "a", big: 2n ** 60n, at: new Date(0), raw: new Uint8Array([1]), odd: { $date: 1 } },
 *   body: new TextEncoder().encode("[[], {}, null]"),
 * };
 * const { properties, headers, body, ...rest } = toStored(message);
 * const read = { ...rest, properties: JSON.parse(properties), headers: JSON.parse(headers), body: Uint8Array.fromBase64(body) };
 * assertEquals(fromStored(read), message);
 * ```
 */
export function toStored(
  { exchange, routingKey, properties, headers, body }: Message,
): StoredMessage {
  return {
    exchange,
    routing_key: routingKey,
    properties: JSON.stringify(properties),
    headers: JSON.stringify(storeHeaders(headers)),
    body: body.toBase64(),
  };
}

/** Inverse of {@linkcode toStored}, for parsed JSON and a decoded body. */
export function fromStored(
  stored: {
    exchange: string;
    routing_key: string;
    properties: Properties;
    headers: unknown;
    body: Uint8Array;
  },
): Message {
  return {
    exchange: stored.exchange,
    routingKey: stored.routing_key,
    properties: stored.properties,
    headers: readHeaders(stored.headers),
    body: stored.body,
  };
}

function tag(value: HeaderValue): unknown {
  if (typeof value === "bigint") return { $bigint: String(value) };
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof Uint8Array) return { $bytes: value.toBase64() };
  if (Array.isArray(value)) return value.map(tag);
  const table = storeHeaders(value);
  return tagOf(value) ? { $object: table } : table;
}

/** Headers as JSON values; {@linkcode readHeaders} is the inverse. */
export function storeHeaders(table: Readonly<Headers>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, tag(value)]));
}

function untag(value: unknown): HeaderValue {
  if (Array.isArray(value)) return value.map(untag);
  if (typeof value !== "object" || value === null) return value as HeaderValue;
  const table = value as Record<string, unknown>;
  switch (tagOf(table)) {
    case "$bigint":
      return BigInt(String(table.$bigint));
    case "$number":
      return Number(table.$number);
    case "$date":
      return new Date(Number(table.$date));
    case "$bytes":
      return Uint8Array.fromBase64(String(table.$bytes));
    case "$object":
      return readHeaders(table.$object);
    case undefined:
      return readHeaders(table);
  }
}

/** Inverse of {@linkcode storeHeaders}. */
export function readHeaders(table: unknown): Headers {
  const entries = Object.entries(table as Record<string, unknown>);
  return Object.fromEntries(entries.map(([name, value]) => [name, untag(value)]));
}

function tagOf(table: object): typeof TAGS[number] | undefined {
  const keys = Object.keys(table);
  return keys.length === 1 ? TAGS.find((known) => known === keys[0]) : undefined;
}
