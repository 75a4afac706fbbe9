/** The payload of an event as the body of a message: binary mode of the HTTP and AMQP bindings. */
import type { CloudEvent } from "./cloud_event.ts";

/** Parses JSON; throws when it is invalid. */
export type JsonParser = (text: string) => unknown;

/** Members of an event. */
export type Payload = Pick<CloudEvent, "data" | "data_base64">;

/** The payload in a body: a value if its media type is JSON, text if it is a text in UTF-8, otherwise bytes. An empty body is none.
 *
 * @param contentType media type, with or without parameters
 * @throws what `parse` throws
 *
 * @example
 * ```ts
 * import { readPayload } from "./payload.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const body = new TextEncoder().encode('{"a":1}');
 * assertEquals(readPayload(body, "application/json", JSON.parse), { data: { a: 1 } });
 * assertEquals(readPayload(body, "text/plain", JSON.parse), { data: '{"a":1}' });
 * assertEquals(readPayload(body, undefined, JSON.parse), { data_base64: "eyJhIjoxfQ==" });
 * ```
 */
export function readPayload(
  body: Uint8Array,
  contentType: string | undefined,
  parse: JsonParser,
): Payload {
  if (body.length === 0) return {};
  const text = contentType === undefined ? undefined : decodeUtf8(body);
  if (contentType !== undefined && text !== undefined) {
    if (isJson(contentType)) return { data: parse(text) };
    if (isText(contentType)) return { data: text };
  }
  return { data_base64: body.toBase64() };
}

/** The media type of a Content-Type, in lower case and without parameters. */
export function mediaType(contentType: string): string {
  return (contentType.split(";")[0] ?? "").trim().toLowerCase();
}

/** A body as text; `undefined` when it is not UTF-8. */
export function decodeUtf8(body: Uint8Array): string | undefined {
  try {
    return decoder.decode(body);
  } catch {
    return undefined;
  }
}

/** Whether a Content-Type is JSON, such as `application/json` or `application/problem+json`. */
export function isJson(contentType: string): boolean {
  return /^[^/]+\/(?:[^/]+\+)?json$/.test(mediaType(contentType));
}

function isText(contentType: string): boolean {
  return /^text\/|[/+]xml$/.test(mediaType(contentType)) && isUtf8(contentType);
}

/** Without a `charset`, UTF-8 is assumed. */
function isUtf8(contentType: string): boolean {
  return !/;\s*charset=(?!"?(?:utf-8|us-ascii)"?\s*(?:;|$))/i.test(contentType);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
