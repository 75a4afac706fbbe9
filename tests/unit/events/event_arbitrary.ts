/** Valid events for property tests. */
import * as fc from "fast-check";
import { type CloudEvent, cloudEvent } from "../../../shared/events/cloud_event.ts";

const text = fc.string({
  unit: fc.constantFrom(...` !"#%&'()*+,-./09:;<=>?@AZ[\\]^_\`az{|}~äß語🥕`),
  minLength: 1,
  maxLength: 20,
});
const uri = fc.stringMatching(/^\/[a-z0-9/._~-]{0,20}$/);
const type = fc.stringMatching(/^[a-zA-Z][\w:/.-]{0,40}$/);
const time = fc.date({
  min: new Date("0001-01-01T00:00:00Z"),
  max: new Date("9999-12-31T23:59:59Z"),
  noInvalidDate: true,
}).map((date) => date.toISOString());

const payload = fc.oneof(
  fc.constant({}),
  fc.jsonValue().map((data) => ({ data: JSON.parse(JSON.stringify(data)) })),
  fc.jsonValue().map((data) => ({
    data: JSON.parse(JSON.stringify(data)),
    datacontenttype: "application/vnd.shop+json; charset=utf-8",
  })),
  fc.string({ minLength: 1, unit: "grapheme" }).map((data) => ({
    data,
    datacontenttype: "text/plain",
  })),
  fc.uint8Array({ minLength: 1 }).map((bytes) => ({
    data_base64: bytes.toBase64(),
    datacontenttype: "application/octet-stream",
  })),
);

/** Events whose extensions have values of these kinds.
 *
 * @param id its `id` and `subject` */
export function events(
  value: fc.Arbitrary<string | number | boolean>,
  id: fc.Arbitrary<string> = text,
): fc.Arbitrary<CloudEvent> {
  const names = fc.constantFrom("tenant", "traceparent", "count", "constructor", "x1");
  return fc.tuple(
    fc.record({ id, source: uri, type }),
    fc.record({ subject: id, time, dataschema: fc.constant("https://shop.example/o.json") }, {
      requiredKeys: [],
    }),
    fc.dictionary(names, value, { noNullPrototype: true }),
    payload,
  ).map(([required, optional, extensions, payload]) =>
    cloudEvent({ specversion: "1.0", ...extensions, ...required, ...optional, ...payload })
  );
}

/** Values that HTTP headers hold without loss. */
export const textValue = text.filter((value) => value.trim() === value);

/** Values of every type. */
export const anyValue = fc.oneof(
  text,
  fc.boolean(),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
);

/** Values that need no percent-encoding, which the SDK of CloudEvents does not know. */
export const plainValue = fc.stringMatching(/^[a-z0-9:/._-]{1,20}$/);
