/** How much a message may carry in its headers. */
import { Buffer } from "node:buffer";
import { InvalidInput } from "../errors.ts";
import { FieldTable } from "./amqp/field_writer.ts";
import type { Headers } from "./message.ts";

/** Bytes of all headers on the wire: amqplib has no room for more. */
export const MAX_HEADERS = 64 * 1024;

/** What is written here nobody reads. */
const SCRATCH = Buffer.alloc(MAX_HEADERS);

/** Refuses headers that no broker would ever be sent.
 *
 * @param bytes that they may take on the wire: another measure than their JSON. Default {@linkcode MAX_HEADERS}, which is the most
 * @throws {InvalidInput} when they take more, or hold what cannot be carried
 *
 * @example
 * ```ts
 * import { checkHeaders } from "./header_limit.ts";
 * import { assertThrows } from "@std/assert";
 *
 * checkHeaders({ note: "語".repeat(20_000) });
 * assertThrows(() => checkHeaders({ note: "語".repeat(25_000) }), Error, "65536 bytes");
 * ```
 */
export function checkHeaders(headers: Headers, bytes: number = MAX_HEADERS): void {
  try {
    new FieldTable(headers).write(SCRATCH.subarray(0, bytes), 0);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidInput(
      `Cannot send a message because its headers are too large (${error.message}): send less`,
      "options.headers",
      { cause: error },
    );
  }
}
