/** Replaces amqplib's reader of field tables, its decoders of deliveries, and its encoders of published messages.
 *
 * py-amqp writes integers beyond 32 bits with tag `L`. amqplib 2 does not support that tag: it closes the connection, the message is
 * redelivered, and this repeats forever. The reader here accepts every message. {@linkcode PublishFields},
 * {@linkcode decodeDeliver} and {@linkcode decodeProperties} take a fraction of the time of amqplib's functions. amqplib binds these
 * functions when it loads, so load this module first.
 * @module
 */
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { decodeDeliver, decodeProperties } from "./delivery_reader.ts";
import { decodeFields } from "./field_reader.ts";
import { PublishFields } from "./publish_fields.ts";

/** amqplib's codec module. */
interface Codec {
  decodeFields: typeof decodeFields;
}

/** amqplib's module of methods. `decode` gets the number of a method, or of a class for its properties. */
interface Methods {
  readonly BasicDeliver: number;
  readonly BasicPublish: number;
  readonly BasicProperties: number;
  decode(id: number, bytes: Buffer): unknown;
  encodeMethod(id: number, channel: number, fields: object): Buffer;
  encodeProperties(id: number, channel: number, size: number, fields: object): Buffer;
}

const require = createRequire(import.meta.resolve("amqplib"));
if (require.resolve("./lib/defs.js") in require.cache) {
  throw new Error(
    "Cannot read every header because amqplib was loaded before its codec could be replaced: import shared/broker/amqp/broker.ts first",
  );
}
const codec: Codec = require("./lib/codec.js");
codec.decodeFields = decodeFields;

const methods: Methods = require("./lib/defs.js");
const { BasicDeliver, BasicProperties, decode, encodeMethod, encodeProperties } = methods;
methods.decode = (id, bytes) => {
  switch (id) {
    case BasicDeliver:
      return decodeDeliver(bytes);
    case BasicProperties:
      return decodeProperties(bytes);
    default:
      return decode(id, bytes);
  }
};
methods.encodeMethod = (id, channel, fields) => {
  const encode = () => encodeMethod(id, channel, fields);
  return fields instanceof PublishFields ? fields.methodFrame(channel, encode) : encode();
};
methods.encodeProperties = (id, channel, size, fields) =>
  fields instanceof PublishFields
    ? Buffer.from(fields.headerFrame(channel, size))
    : encodeProperties(id, channel, size, fields);

/** Encodes the method frame of a message. */
export function encodePublish(channel: number, fields: PublishFields): Buffer {
  return methods.encodeMethod(methods.BasicPublish, channel, fields);
}
