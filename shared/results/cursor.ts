/** Cursors: opaque text for a position in a list. */
import { InvalidInput } from "../errors.ts";
import type { Position } from "./statements.ts";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** @example
 * ```ts
 * import { readCursor, writeCursor } from "./cursor.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const position = { time: "2026-11-23T18:30:00.123456Z", id: "a|b" };
 * assertEquals(readCursor(writeCursor(position)), position);
 * ```
 */
export function writeCursor({ time, id }: Position): string {
  return new TextEncoder().encode(`${time}|${id}`).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/** @throws {InvalidInput} for an invalid cursor */
export function readCursor(cursor: string): Position {
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: "base64url" });
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const [time = "", id] = [text.slice(0, text.indexOf("|")), text.slice(text.indexOf("|") + 1)];
    if (TIME.test(time) && !Number.isNaN(Date.parse(time)) && !id.includes("\0")) {
      return { time, id };
    }
  } catch {
    // Not base64url or not UTF-8: rejected below.
  }
  throw new InvalidInput(
    "Cannot list from this cursor because it is not the cursor of a page: start without a cursor",
    "cursor",
  );
}
