/** Size limit of a message's headers. */
import { Buffer } from "node:buffer";
import { InvalidInput } from "../errors.ts";
import { FieldTable } from "./amqp/field_writer.ts";
import type { Headers } from "./message.ts";

/** Maximum encoded size of all headers in bytes: the size of amqplib's buffer. */
export const MAX_HEADERS = 64 * 1024;

/** Encoding target; its content is never read. */
const SCRATCH = Buffer.alloc(MAX_HEADERS);

/** Checks that headers can be encoded.
 *
 * @param bytes maximum encoded (AMQP, not JSON) size. Default and upper limit {@linkcode MAX_HEADERS}
 * @throws {InvalidInput} when they are larger, or contain a value that AMQP cannot represent
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
  if (areShortTexts(headers, bytes)) return;
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

/** Whether all headers are texts, booleans or null and fit in any case: nearly always, and much cheaper than encoding them. */
function areShortTexts(headers: Headers, bytes: number): boolean {
  let most = 4; // the length of the table
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === "string") most += 3 * value.length;
    else if (value !== null && typeof value !== "boolean") return false;
    if (3 * name.length > 255) return false;
    most += 3 * name.length + 6; // a length, a type, and the length or the byte of the value
  }
  return most <= bytes;
}
