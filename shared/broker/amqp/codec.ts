/** Replaces amqplib's reader and writer of field tables, and its decoders of deliveries.
 *
 * py-amqp writes integers beyond 32 bits with tag `L`. amqplib 2 does not support that tag: it closes the connection, the message is
 * redelivered, and this repeats forever. The reader here accepts every message. The writer encodes headers ({@linkcode FieldTable})
 * faster; amqplib's takes a sixth of the time of a submission. {@linkcode decodeDeliver} and {@linkcode decodeProperties} read a message
 * in a third of the time. amqplib binds these functions when it loads, so load this module first.
 * @module
 */
import type { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { decodeDeliver, decodeProperties } from "./delivery_reader.ts";
import { decodeFields } from "./field_reader.ts";
import { FieldTable } from "./field_writer.ts";

/** amqplib's codec module. */
interface Codec {
  decodeFields: typeof decodeFields;
  encodeTable(buffer: Buffer, table: object, offset: number): number;
}

/** amqplib's module of methods. `decode` gets the number of a method, or of a class for its properties. */
interface Methods {
  readonly BasicDeliver: number;
  readonly BasicProperties: number;
  decode(id: number, bytes: Buffer): unknown;
}

const require = createRequire(import.meta.resolve("amqplib"));
if (require.resolve("./lib/defs.js") in require.cache) {
  throw new Error(
    "Cannot read every header because amqplib was loaded before its codec could be replaced: import shared/broker/amqp/broker.ts first",
  );
}
const codec: Codec = require("./lib/codec.js");
const { encodeTable } = codec;
codec.decodeFields = decodeFields;
codec.encodeTable = (buffer, table, offset) =>
  table instanceof FieldTable ? table.write(buffer, offset) : encodeTable(buffer, table, offset);

const methods: Methods = require("./lib/defs.js");
const { BasicDeliver, BasicProperties, decode } = methods;
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
