/** Encodes parameters and decodes results in PostgreSQL's text formats. */

/** Encodes a parameter; the server infers the type. An object is encoded as JSON.
 *
 * @throws {RangeError} for an invalid Date
 *
 * @example
 * ```ts
 * import { encode } from "./postgres_values.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encode(["a", null, 'say "b"']), '{"a",NULL,"say \\"b\\""}');
 * assertEquals(encode(new Uint8Array([0, 255])), "\\x00ff");
 * ```
 */
export function encode(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return `\\x${value.toHex()}`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `{${value.map(element).join(",")}}`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function element(value: unknown): string {
  const text = encode(value);
  if (text === null || Array.isArray(value)) return text ?? "NULL";
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** Decodes `bytea` in both formats, because a role or database may set `bytea_output`. */
export function decodeBytes(text: string): Uint8Array {
  if (text.startsWith("\\x")) return Uint8Array.fromHex(text.slice(2));
  const characters = text.match(/\\\\|\\[0-3][0-7]{2}|[^]/g) ?? [];
  return Uint8Array.from(characters, (one) => {
    if (one === "\\\\") return 0x5c;
    return one.length > 1 ? parseInt(one.slice(1), 8) : one.charCodeAt(0);
  });
}

type Parse = (text: string) => unknown;

/** Decodes an array of any depth.
 *
 * @example
 * ```ts
 * import { decodeArray } from "./postgres_values.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodeArray('{{1,NULL},{"2",3}}', Number), [[1, null], [2, 3]]);
 * assertEquals(decodeArray('[0:1]={"a,b","c\\"d"}', String), ["a,b", 'c"d']);
 * ```
 */
export function decodeArray(text: string, parse: Parse): unknown[] {
  const outer: unknown[] = [];
  const open = [outer];
  // Skip bounds before the braces, which are present if a lower bound is not 1.
  const body = text.slice(text.indexOf("{"));
  for (const [token] of body.matchAll(/[{}]|"(?:[^"\\]|\\[^])*"|[^{},"]+/g)) {
    if (token === "{") {
      const inner: unknown[] = [];
      open.at(-1)!.push(inner);
      open.push(inner);
    } else if (token === "}") open.pop();
    else if (token === "NULL") open.at(-1)!.push(null);
    else {
      const plain = token.startsWith('"') ? token.slice(1, -1).replace(/\\([^])/g, "$1") : token;
      open.at(-1)!.push(parse(plain));
    }
  }
  return outer[0] as unknown[];
}

const number: Parse = (text) => Number(text);
const date: Parse = (text) => new Date(text);
const json: Parse = (text) => JSON.parse(text);
const text: Parse = (value) => value;

/** Types (`pg_type.dat`): object id, object id of the array, decoder. All other types stay text. */
const READ: readonly (readonly [type: number, array: number, parse: Parse])[] = [
  [16, 1000, (value) => value === "t"], // boolean
  [17, 1001, decodeBytes],
  [21, 1005, number], // smallint
  [23, 1007, number], // integer
  [26, 1028, number], // oid
  [700, 1021, number], // real
  [701, 1022, number], // double precision
  [114, 199, json],
  [3802, 3807, json], // jsonb
  [1082, 1182, date],
  [1114, 1115, date], // timestamp
  [1184, 1185, date], // timestamptz
  [18, 1002, text], // "char"
  [19, 1003, text], // name
  [20, 1016, text], // bigint
  [25, 1009, text],
  [1042, 1014, text], // character
  [1043, 1015, text], // character varying
  [1700, 1231, text], // numeric
  [2950, 2951, text], // uuid
];

/** The driver's type table. It does not encode parameters, because {@linkcode encode} has encoded them. */
export const TYPES = Object.fromEntries(
  READ.flatMap(([type, array, parse]) => [
    [`type ${type}`, { to: type, from: [type], serialize: String, parse }],
    [`type ${array}`, {
      to: array,
      from: [array],
      serialize: String,
      parse: (value: string) => decodeArray(value, parse),
    }],
  ]),
);
