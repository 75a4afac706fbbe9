/** Writes events as other systems send them over HTTP: the HTTP binding of CloudEvents 1.0. */
import { stringifyJson } from "../../shared/celery/python_json.ts";
import { attributesOf, type CloudEvent } from "../../shared/events/cloud_event.ts";
import { BATCH_TYPE, EVENT_TYPE, type HttpEvents } from "../../shared/events/http.ts";
import { isJson } from "../../shared/events/payload.ts";

const PREFIX = "ce-";

/** One event as headers and a body: the binary mode. */
export function toBinaryHttp(event: CloudEvent): HttpEvents {
  const headers = new Headers();
  for (const [name, value] of Object.entries(attributesOf(event))) {
    if (name === "datacontenttype") continue;
    headers.set(`${PREFIX}${name}`, percentEncoded(String(value)));
  }
  const body = writePayload(event);
  const { datacontenttype = event.data === undefined ? undefined : "application/json" } = event;
  if (datacontenttype !== undefined) headers.set("content-type", datacontenttype);
  return { headers, body };
}

/** One event in the JSON format: the structured mode. */
export function toStructuredHttp(event: CloudEvent): HttpEvents {
  return {
    headers: new Headers({ "content-type": `${EVENT_TYPE}; charset=utf-8` }),
    body: new TextEncoder().encode(stringifyJson(event)),
  };
}

/** Events in the JSON format: the batched mode. */
export function toBatchHttp(events: readonly CloudEvent[]): HttpEvents {
  return {
    headers: new Headers({ "content-type": `${BATCH_TYPE}; charset=utf-8` }),
    body: new TextEncoder().encode(stringifyJson(events)),
  };
}

/** The body with a payload; empty if there is none.
 *
 * @throws {InvalidInput} when JSON cannot hold the data */
export function writePayload({ data, data_base64, datacontenttype }: CloudEvent): Uint8Array {
  if (data_base64 !== undefined) return Uint8Array.fromBase64(data_base64);
  if (data === undefined) return new Uint8Array();
  const verbatim = typeof data === "string" && datacontenttype !== undefined &&
    !isJson(datacontenttype);
  return new TextEncoder().encode(verbatim ? data : stringifyJson(data));
}

/** Space, `"`, `%` and everything outside of printable ASCII (HTTP binding, 3.1.3.2). */
function percentEncoded(text: string): string {
  return text.replaceAll(
    /[^!#$&-~]/gu,
    (character) =>
      [...new TextEncoder().encode(character)].map((byte) =>
        `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
      ).join(""),
  );
}
