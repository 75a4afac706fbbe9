/** Decodes short texts of AMQP frames. Most of them repeat from message to message. */
import type { Buffer } from "node:buffer";

/** Number of remembered texts, a power of 2. */
const SLOTS = 512;
/** Maximum bytes of a remembered text. */
const LONGEST = 128;

/** Remembered texts, each in the slot of its {@linkcode slotOf}. All are ASCII: one character for each byte. */
const recent: (string | undefined)[] = new Array(SLOTS).fill(undefined);

/** Decodes UTF-8. Returns the same string for bytes that it decoded recently, which takes a third of the time of a native call and
 * allocates nothing: names of headers and queues repeat in every message, and an id occurs three times in its message.
 *
 * @example
 * ```ts
 * import { Buffer } from "node:buffer";
 * import { readText } from "./text_reader.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(readText(Buffer.from("(task)"), 1, 5), "task");
 * ```
 */
export function readText(bytes: Buffer, from: number, to: number): string {
  const length = to - from;
  if (length <= 0) return "";
  if (length > LONGEST) return bytes.toString("utf8", from, to);
  const slot = slotOf(bytes, from, length);
  const known = recent[slot];
  if (known !== undefined && known.length === length && isEqual(bytes, from, known)) return known;
  const text = bytes.toString("utf8", from, to);
  // Invalid and longer sequences have another number of characters, or characters that differ from their bytes.
  if (text.length === length) recent[slot] = text;
  return text;
}

function slotOf(bytes: Buffer, from: number, length: number): number {
  const last = from + length - 1;
  const hash = length * 31 + bytes[from]! * 7 + bytes[from + (length >> 1)]! * 131 +
    bytes[last]! * 17 + bytes[last - (length >> 2)]! * 61;
  return hash & (SLOTS - 1);
}

function isEqual(bytes: Buffer, from: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[from + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
