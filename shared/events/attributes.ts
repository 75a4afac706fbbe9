/** Context attributes of CloudEvents 1.0: names, types and rules (specification, "Type System" and "Context Attributes"). */
import { z } from "zod";
import { InvalidInput } from "../errors.ts";

/** Value of an attribute: text, a 32-bit integer or a boolean. URIs, times and binary values are text. */
export type AttributeValue = string | number | boolean;

/** Attributes by name. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Attributes that every event has. */
export const REQUIRED: readonly string[] = ["specversion", "id", "source", "type"];

/** Attributes that the specification defines; all others are extensions. */
export const CORE: readonly string[] = [
  ...REQUIRED,
  ...["subject", "time", "datacontenttype", "dataschema"],
];

/** Members of an event that are no attributes. */
export const DATA_MEMBERS: readonly string[] = ["data", "data_base64"];

/** Maximum bytes of a type: it is a routing key, and AMQP limits that. */
export const TYPE_BYTES = 255;

/** Maximum bytes of all names and values together: as headers they must fit into one frame. */
const TOTAL_BYTES = 48 * 1024;

/** CloudEvents recommends at most 20 characters. */
const NAME = /^[a-z0-9]{1,64}$/;

/** Controls (NUL is one), surrogates without a partner, and noncharacters. */
const FORBIDDEN = /[\p{Control}\p{Surrogate}\p{Noncharacter_Code_Point}]/u;

const URI_REFERENCE = /^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:./;
const MEDIA_TYPE =
  /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[^"]*"))*$/;
const INT32 = 2 ** 31;

const dateTime = z.iso.datetime({ offset: true });

/** Checks the name of an attribute.
 *
 * @throws {InvalidInput} when it is not 1 to 64 lower-case letters or digits, or is `data` */
export function checkAttributeName(name: string, at = ""): void {
  const shown = printable(name);
  if (!NAME.test(name)) {
    throw invalid(`attribute '${shown}'`, "its name is not 1 to 64 lower-case letters or digits", {
      remedy: "rename it",
      field: `${at}${name}`,
    });
  }
  if (name === "data") {
    throw invalid(`attribute '${shown}'`, "'data' is the name of the payload", {
      remedy: "rename it",
      field: `${at}${name}`,
    });
  }
}

/** Checks attributes, all of which must be there that CloudEvents requires.
 *
 * @param at prefix of the fields in errors, such as `[2].` for the third event of a batch
 * @returns a copy without those that are `null` or `undefined`
 * @throws {InvalidInput} naming the attribute
 *
 * @example
 * ```ts
 * import { checkAttributes } from "./attributes.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const event = { specversion: "1.0", id: "1", source: "/shop", type: "orders.paid" };
 * checkAttributes({ ...event, tenant: "acme", priority: 3 });
 * assertThrows(() => checkAttributes({ ...event, time: "today" }), Error, "its time 'today'");
 * ```
 */
export function checkAttributes(given: Readonly<Record<string, unknown>>, at = ""): Attributes {
  const attributes: Record<string, AttributeValue> = {};
  let bytes = 0;
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue;
    checkAttributeName(name, at);
    const checked = checkedValue(name, value, at);
    attributes[name] = checked;
    bytes += name.length + byteLength(String(checked));
  }
  if (bytes > TOTAL_BYTES) {
    throw invalid("event", `its attributes have ${bytes} bytes`, {
      remedy: `send at most ${TOTAL_BYTES}, and larger values in \`data\``,
      field: at.replace(/\.$/, "") || undefined,
    });
  }
  for (const name of REQUIRED) {
    if (name in attributes) continue;
    throw invalid("event", `it has no \`${name}\``, {
      remedy: name === "specversion" ? 'add "specversion": "1.0"' : "add it",
      field: `${at}${name}`,
    });
  }
  return attributes;
}

/** Time of an event in milliseconds since 1970; `undefined` when the text is no time of RFC 3339. A leap second counts as the second
 * after it. */
export function parseTime(text: string): number | undefined {
  const upper = text.toUpperCase();
  const leap = /^(.{17})60(.*)$/.exec(upper);
  const parsable = leap ? `${leap[1]}59${leap[2]}` : upper;
  if (!/T\d\d:\d\d:\d\d/.test(parsable) || !dateTime.safeParse(parsable).success) return undefined;
  return Date.parse(parsable) + (leap ? 1000 : 0);
}

/** Whether a text may be the type of an event: 1 to 255 bytes without control characters. */
export function isEventType(text: string): boolean {
  return text !== "" && byteLength(text) <= TYPE_BYTES && !FORBIDDEN.test(text);
}

/** Why a text is invalid for a core attribute, and what to do; `undefined` if it is valid. */
const RULES: Readonly<Record<string, (text: string) => [why: string, remedy: string] | undefined>> =
  {
    specversion: (text) => text === "1.0" ? undefined : ["is not '1.0'", "send CloudEvents 1.0"],
    type: (text) => {
      const bytes = byteLength(text);
      if (bytes <= TYPE_BYTES) return undefined;
      return [`is ${bytes} bytes long`, `use at most ${TYPE_BYTES}, as it is a routing key`];
    },
    source: (text) =>
      URI_REFERENCE.test(text) ? undefined : ["is no URI reference", "use one, such as '/shop'"],
    dataschema: (text) =>
      URI_REFERENCE.test(text) && ABSOLUTE_URI.test(text)
        ? undefined
        : ["is no absolute URI", "use one, such as 'https://example.com/order.json'"],
    datacontenttype: (text) =>
      MEDIA_TYPE.test(text)
        ? undefined
        : ["is no media type", "use one, such as 'application/json'"],
    time: (text) =>
      parseTime(text) === undefined
        ? [
          "is no time of RFC 3339",
          "use ISO 8601 with seconds and a time zone, such as '2030-01-02T03:04:05Z'",
        ]
        : undefined,
  };

function checkedValue(name: string, value: unknown, at: string): AttributeValue {
  const field = `${at}${name}`;
  if (typeof value === "string") return checkedText(name, value, field);
  if (CORE.includes(name)) {
    throw invalid("event", `its ${name} is no text`, { remedy: "send a string", field });
  }
  if (typeof value === "boolean") return value;
  const integer = typeof value === "number" && Number.isInteger(value) ? value : undefined;
  if (integer !== undefined && integer >= -INT32 && integer < INT32) return integer;
  throw invalid("event", `its ${name} is neither text nor boolean nor a 32-bit integer`, {
    remedy: "send such a value, and others in `data`",
    field,
  });
}

function checkedText(name: string, text: string, field: string): string {
  const [forbidden] = FORBIDDEN.exec(text) ?? [];
  if (forbidden !== undefined) {
    const code = forbidden.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    throw invalid("event", `its ${name} contains the character U+${code}`, {
      remedy: "remove it",
      field,
    });
  }
  if (text === "" && CORE.includes(name)) {
    const remedy = REQUIRED.includes(name) ? "send a value" : "send a value, or leave it out";
    throw invalid("event", `its ${name} is empty`, { remedy, field });
  }
  const [why, remedy = ""] = Object.hasOwn(RULES, name) ? RULES[name]!(text) ?? [] : [];
  if (why === undefined) return text;
  throw invalid("event", `its ${name} '${printable(text)}' ${why}`, { remedy, field });
}

/** An error about an event, in the grammar of all errors. */
export function invalid(
  what: string,
  why: string,
  { remedy, field }: { remedy: string; field?: string | undefined },
): InvalidInput {
  return new InvalidInput(`Cannot accept ${what} because ${why}: ${remedy}`, field);
}

/** At most 80 characters, without those that a log could not show. */
function printable(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return short.replaceAll(new RegExp(FORBIDDEN, "gu"), "\u{fffd}").toWellFormed();
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
