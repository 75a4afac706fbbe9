/** CSV as RFC 4180 describes it.
 * @module
 */
import { CeleriacError } from "../../shared/errors.ts";

/** The text is not valid CSV. */
export class UnreadableCsv extends CeleriacError {}

const QUOTE = '"';
const BYTE_ORDER_MARK = "\ufeff";

/** Reads the records of a CSV text. Lines end with LF or CRLF; blank lines and a byte order mark are skipped.
 *
 * @param delimiter one character, neither a quote nor a line end
 * @throws {UnreadableCsv} with the line and column of a misplaced or unclosed quote
 *
 * @example
 * ```ts
 * import { readCsv } from "./csv_records.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(readCsv('city,"area, km2"\nBerlin,891.7\n', ","), [
 *   ["city", "area, km2"],
 *   ["Berlin", "891.7"],
 * ]);
 * ```
 */
export function readCsv(text: string, delimiter: string): string[][] {
  const unquoted = new RegExp(`[^"\\n${RegExp.escape(delimiter)}]*`, "y");
  const records: string[][] = [];
  let record: string[] = [];
  let position = text.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
  while (position <= text.length) {
    const start = position;
    const quoted = text[start] === QUOTE;
    unquoted.lastIndex = start;
    const raw = quoted ? quotedField(text, start) : unquoted.exec(text)?.[0] ?? "";
    let end = start + raw.length;
    const more = text[end] === delimiter;
    if (quoted && !more && text[end] === "\r") end++;
    if (!more && end < text.length && text[end] !== "\n") throw misplacedQuote(text, start, end);
    const value = quoted
      ? raw.slice(1, -1).replaceAll('""', QUOTE)
      : !more && raw.endsWith("\r")
      ? raw.slice(0, -1)
      : raw;
    record.push(value);
    position = end + 1;
    if (more) continue;
    const blank = record.length === 1 && value === "" && !quoted;
    if (!blank) records.push(record);
    record = [];
  }
  return records;
}

/** @returns the field that starts here, with its quotes */
function quotedField(text: string, start: number): string {
  let close = text.indexOf(QUOTE, start + 1);
  while (text[close + 1] === QUOTE && close > 0) close = text.indexOf(QUOTE, close + 2);
  if (close < 0) throw unreadable(text, start, "opens a quoted field that never ends");
  return text.slice(start, close + 1);
}

function misplacedQuote(text: string, start: number, end: number): UnreadableCsv {
  return text[start] === QUOTE
    ? unreadable(text, end, "has text after a closing quote")
    : unreadable(text, end, "has a quote in a field that does not start with one");
}

function unreadable(text: string, position: number, reason: string): UnreadableCsv {
  const line = text.slice(0, position).split("\n").length;
  const column = position - text.lastIndexOf("\n", position - 1);
  return new UnreadableCsv(
    `Cannot read the CSV because line ${line}, column ${column} ${reason}: quote fields as in RFC 4180, or name another delimiter`,
  );
}
