/** Puts our decoder of field tables in the place of amqplib's.
 *
 * py-amqp writes integers beyond 32 bits under tag `L`. amqplib 2 knows no such tag: it closes the whole connection, the message is
 * handed out again, and so on for ever. Ours no message can make fail. amqplib binds the function when it loads, so this comes first.
 * @module
 */
import { createRequire } from "node:module";
import { decodeFields } from "./amqp_tables.ts";

/** The module of amqplib that its decoder is taken from. */
interface Codec {
  decodeFields: typeof decodeFields;
}

const require = createRequire(import.meta.resolve("amqplib"));
if (require.resolve("./lib/defs.js") in require.cache) {
  throw new Error(
    "Cannot read every header as amqplib was loaded before its decoder could be replaced: import shared/broker/amqp.ts first",
  );
}
const codec: Codec = require("./lib/codec.js");
codec.decodeFields = decodeFields;
