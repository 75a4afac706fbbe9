/** Formats a log record: as text for people, or as JSON for log collectors. Pure. */
import type { LogLevel, LogRecord } from "@logtape/logtape";
import { isError } from "../runtime/thrown.ts";

/** Maximum characters of one record; a longer one is truncated, with its length. */
const MAX_TEXT = 64 * 1024;

/** Category of what handlers log, below `celeriac`. */
const TASK = "task";

const LABELS: Readonly<Record<LogLevel, string>> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  warning: "warn",
  error: "error",
  fatal: "error",
};

/** Formats a record for people: time, level, logger, message.
 *
 * Control characters are escaped, so that no text of a caller can move a terminal's cursor. A record
 * starts in the first column and its further lines are indented, so that no text of a caller
 * can forge a record. Properties of a handler's record that its message does not use follow as
 * `name=value`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { textLine } from "./log_format.ts";
 *
 * const record = {
 *   category: ["celeriac", "task", "greet"],
 *   level: "info",
 *   message: ["Hello, ", "Ada\u001b[2J", "!"],
 *   rawMessage: "Hello, {who}!",
 *   properties: { who: "Ada\u001b[2J", tries: 2 },
 *   timestamp: 0,
 * } as const;
 * assertEquals(
 *   textLine(record),
 *   "1970-01-01T00:00:00.000Z info  task.greet: Hello, Ada\\x1b[2J! tries=2\n",
 * );
 * ```
 */
export function textLine(record: LogRecord): string {
  const { timestamp, level, category } = record;
  const text = messageOf(record) + unnamed(record);
  return plainText(timestamp, level, category.slice(1).join("."), text);
}

/** Assembles one line of text. */
export function plainText(time: number, level: LogLevel, logger: string, text: string): string {
  return `${iso(time)} ${LABELS[level].padEnd(5)} ${escapeText(logger)}: ${
    escapeText(bounded(text))
  }\n`;
}

/** Formats a record as one line of JSON: `time` (ISO 8601, UTC), `level`, `logger`, `message`, and the
 * record's properties in `fields`.
 *
 * Errors become `{name, message, stack, cause}`, bigints strings, maps and sets lists; an unreadable
 * value becomes text that says so.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { jsonLine } from "./log_format.ts";
 *
 * const record = {
 *   category: ["celeriac", "worker"],
 *   level: "warning",
 *   message: ["Queue ", "q", " is missing"],
 *   rawMessage: "Queue {queue} is missing",
 *   properties: { queue: "q", count: 3n },
 *   timestamp: 0,
 * } as const;
 * assertEquals(JSON.parse(jsonLine(record)), {
 *   time: "1970-01-01T00:00:00.000Z",
 *   level: "warn",
 *   logger: "worker",
 *   message: "Queue q is missing",
 *   fields: { queue: "q", count: "3" },
 * });
 * ```
 */
export function jsonLine(record: LogRecord): string {
  const { timestamp, level, category, properties } = record;
  return jsonText(timestamp, level, category.slice(1).join("."), messageOf(record), properties);
}

/** Assembles one line of JSON. */
export function jsonText(
  timestamp: number,
  level: LogLevel,
  logger: string,
  text: string,
  properties: Readonly<Record<string, unknown>>,
): string {
  const head = { time: iso(timestamp), level: LABELS[level], logger, message: bounded(text) };
  const names = Object.keys(properties);
  if (names.length === 0) return `${escapeJson(json(head))}\n`;
  const fields: Record<string, unknown> = {};
  let scalar = true;
  for (const name of names) {
    const field = fields[name] = readable(properties, name);
    scalar &&= isScalar(field);
  }
  // A replacer costs more than everything else.
  const whole = scalar ? JSON.stringify({ ...head, fields }) : json({ ...head, fields });
  const fits = whole.length <= MAX_TEXT;
  return `${escapeJson(fits ? whole : json({ ...head, fields: bounded(json(fields)) }))}\n`;
}

/** Escapes what a terminal or a line-based reader would interpret: C0 and C1 controls, line separators and
 * marks that reorder text. A line feed starts an indented line. */
export function escapeText(text: string): string {
  return HARMLESS.test(text) ? text : text.replaceAll(CONTROL, (character) => {
    if (character === "\n") return "\n    ";
    if (character === "\t") return character;
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

const HARMLESS = /^[\x20-\x7e]*$/;

const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** `JSON.stringify` does not escape DEL, C1 controls and line separators. */
function escapeJson(text: string): string {
  return HARMLESS.test(text)
    ? text
    : text.replaceAll(CONTROL, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

let isoTime = -1;
let isoText = "";

/** Cached, because many lines share a millisecond. */
function iso(time: number): string {
  if (time !== isoTime) {
    isoTime = time;
    isoText = new Date(time).toISOString();
  }
  return isoText;
}

/** LogTape alternates text and values. */
function messageOf({ message }: LogRecord): string {
  if (message.length === 1) return valueText(message[0]);
  return message.map(valueText).join("");
}

/** Properties of a handler's record that its message does not use. */
function unnamed({ category, rawMessage, properties }: LogRecord): string {
  if (category[1] !== TASK) return "";
  const template = typeof rawMessage === "string" ? rawMessage : "";
  return Object.keys(properties)
    .filter((name) => !template.includes(`{${name}}`))
    .map((name) => {
      const value = readable(properties, name);
      return value instanceof Error
        ? `\n${name}: ${valueText(value)}`
        : ` ${name}=${valueText(value)}`;
    })
    .join("");
}

/** A value as text: strings unchanged, errors with their stack. Never throws. */
export function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return Deno.inspect(value, INSPECT);
  } catch {
    return UNREADABLE;
  }
}

const INSPECT = {
  breakLength: Infinity,
  depth: 8,
  iterableLimit: 1000,
  strAbbreviateSize: MAX_TEXT,
} as const;

const UNREADABLE = "(a value that cannot be read)";

function readable(properties: Readonly<Record<string, unknown>>, name: string): unknown {
  try {
    return properties[name];
  } catch {
    return UNREADABLE;
  }
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value, plain) ?? "null";
  } catch {
    const entries = Object.entries(value as Record<string, unknown>);
    return JSON.stringify(
      Object.fromEntries(entries.map(([name, part]) => [name, scalarOrText(part)])),
    );
  }
}

/** For cyclic or unreadable records: scalars unchanged, everything else as text. */
function scalarOrText(value: unknown): unknown {
  return isScalar(value) ? value : valueText(value);
}

function isScalar(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return value === null || typeof value === "string" || typeof value === "boolean";
}

function plain(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}`;
  if (typeof value === "number" && !Number.isFinite(value)) return `${value}`;
  if (typeof value === "function" || typeof value === "symbol") return valueText(value);
  if (isError(value)) {
    const { name, message, stack, cause } = value;
    return { ...value, name, message, stack, ...(cause !== undefined && { cause }) };
  }
  if (value instanceof Map || value instanceof Set) return [...value];
  return value;
}

function bounded(text: string): string {
  return text.length <= MAX_TEXT
    ? text
    : `${text.slice(0, MAX_TEXT)}... (${text.length} characters)`;
}
