/** Puts our decoder of field tables in the place of amqplib's. Import this before amqplib, which binds the function when it loads.
 *
 * py-amqp writes integers beyond 32 bits under tag `L`. amqplib 2 knows no such tag: it closes the whole connection, the message is
 * handed out again, and so on for ever. Ours no message can make fail.
 * @module
 */
import { createRequire } from "node:module";
import { decodeFields } from "./amqp_tables.ts";

/** The module of amqplib that its decoder is taken from. */
interface Codec {
  decodeFields: typeof decodeFields;
}

const codec: Codec = createRequire(import.meta.resolve("amqplib"))("./lib/codec.js");
codec.decodeFields = decodeFields;
