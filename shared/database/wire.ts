/** Messages of Postgres' wire protocol (PostgreSQL documentation, "Message Formats"), as far as a server in front of PGlite needs them. */
import { copiesFromClient, splitStatements } from "./sql_statements.ts";

/** What a client sends before its startup message, and what it may ask for instead of one. */
export const REQUEST = { ssl: 80877103, gss: 80877104, cancel: 80877102 } as const;

/** "Ready for query" outside of a transaction: Z, the length, I. */
const IDLE = [0x5a, 0, 0, 0, 5, 0x49];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A message: its type, its length, its body. Texts end with a zero byte.
 *
 * @param type one letter
 * @example
 * ```ts
 * import { messageOf } from "./wire.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...messageOf("Q", "x")], [0x51, 0, 0, 0, 6, 0x78, 0]);
 * ```
 */
export function messageOf(type: string, ...texts: string[]): Uint8Array<ArrayBuffer> {
  const body = encoder.encode(texts.map((text) => `${text}\0`).join(""));
  const message = new Uint8Array(5 + body.length);
  message[0] = type.charCodeAt(0);
  new DataView(message.buffer).setInt32(1, 4 + body.length);
  message.set(body, 5);
  return message;
}

/** An error for the client.
 *
 * @param severity `FATAL` where the connection ends with it
 * @param code the SQLSTATE */
export function errorMessage(
  severity: "ERROR" | "FATAL",
  code: string,
  text: string,
): Uint8Array<ArrayBuffer> {
  return messageOf("E", `S${severity}`, `V${severity}`, `C${code}`, `M${text}`, "");
}

/** The letter of a message's type. */
export function typeOf(message: Uint8Array): string {
  return String.fromCharCode(message[0] ?? 0);
}

/** Whether an answer ends with "ready for query", in no transaction. */
export function isIdle(answer: Uint8Array): boolean {
  return answer.length >= IDLE.length &&
    answer.subarray(-IDLE.length).every((byte, index) => byte === IDLE[index]);
}

/** Gives the prepared statements of a connection names of its own, as all connections share one session: in Parse, Bind, Describe and
 * Close. The unnamed one keeps its name.
 *
 * @example
 * ```ts
 * import { messageOf, withOwnNames } from "./wire.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const parse = messageOf("P", "s1", "select 1");
 * assertEquals(withOwnNames(parse, "c7_"), messageOf("P", "c7_s1", "select 1"));
 * ```
 */
export function withOwnNames(
  message: Uint8Array<ArrayBuffer>,
  prefix: string,
): Uint8Array<ArrayBuffer> {
  const at = nameAt(message);
  if (at === undefined || message[at] === 0) return message;
  const added = encoder.encode(prefix);
  const named = new Uint8Array(message.length + added.length);
  named.set(message.subarray(0, at));
  named.set(added, at);
  named.set(message.subarray(at), at + added.length);
  new DataView(named.buffer).setInt32(1, named.length - 1);
  return named;
}

/** The name that a Parse gives to its statement; empty for the unnamed one and for other messages. */
export function preparedName(message: Uint8Array): string {
  return typeOf(message) === "P" ? textAt(message, 5) : "";
}

/** Whether a Query or Parse wants to read data from the client, which PGlite does not survive. */
export function wantsCopyData(message: Uint8Array): boolean {
  const type = typeOf(message);
  if (type !== "Q" && type !== "P") return false;
  const sql = textAt(message, type === "Q" ? 5 : 6 + encoder.encode(textAt(message, 5)).length);
  return /copy/i.test(sql) && splitStatements(sql).some(copiesFromClient);
}

/** Where the name of a prepared statement begins in a message that has one. */
function nameAt(message: Uint8Array): number | undefined {
  switch (typeOf(message)) {
    case "P":
      return 5;
    case "B":
      return message.indexOf(0, 5) + 1;
    case "D":
    case "C":
      return message[5] === "S".charCodeAt(0) ? 6 : undefined;
  }
}

function textAt(message: Uint8Array, at: number): string {
  const end = message.indexOf(0, at);
  return decoder.decode(message.subarray(at, end === -1 ? undefined : end));
}
