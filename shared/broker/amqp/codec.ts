/** Puts our reader and writer of field tables in the place of amqplib's.
 *
 * py-amqp writes integers beyond 32 bits under tag `L`. amqplib 2 knows no such tag: it closes the whole connection, the message is
 * handed out again, and so on for ever. Ours no message can make fail. And it writes our headers ({@linkcode FieldTable}) at once,
 * which amqplib does in a sixth of the time that a submission takes. amqplib binds the functions when it loads, so this comes first.
 * @module
 */
import type { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { decodeFields } from "./field_reader.ts";
import { FieldTable } from "./field_writer.ts";

/** The module of amqplib that they are taken from. */
interface Codec {
  decodeFields: typeof decodeFields;
  encodeTable(buffer: Buffer, table: object, offset: number): number;
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
