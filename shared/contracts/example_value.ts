/** Generates example strings and numbers within the limits of a JSON Schema. */
import randexp from "randexp";

/** A JSON Schema of 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The class itself: its type declarations describe a different module format. */
const RandExp = randexp as unknown as typeof randexp.default;

/** Maximum length of an example; a schema that requires more has none. */
const MAX_LENGTH = 1_000;

const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2030-01-31T12:00:00Z",
  date: "2030-01-31",
  time: "12:00:00",
  duration: "PT1H",
  email: "user@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com",
  uuid: "6f9619ff-8b86-4d11-b42d-00c04fc964ff",
  base64: "ZXhhbXBsZQ==",
  base64url: "ZXhhbXBsZQ",
  jwt: "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e30.",
  emoji: "🙂",
};

/** Returns a string that satisfies `format`, `pattern` and the lengths.
 *
 * @returns `undefined` when no attempt is valid
 *
 * @example
 * ```ts
 * import { exampleString } from "./example_value.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(exampleString({ pattern: "^[A-Z]{3}-\\d{4}$" }), "AAA-0000");
 * assertEquals(exampleString({ maxLength: 4 }), "exam");
 * ```
 */
export function exampleString(schema: JsonSchema): string | undefined {
  const parts = [schema, ...((schema["allOf"] ?? []) as JsonSchema[])];
  const patterns = parts.flatMap(({ pattern }) => typeof pattern === "string" ? [pattern] : []);
  const least = Math.max(...parts.map(({ minLength }) => Number(minLength ?? 0)));
  const most = Math.min(...parts.map(({ maxLength }) => Number(maxLength ?? Infinity)));
  if (least > MAX_LENGTH) return undefined;
  const fits = (text: string) =>
    text.length >= least && text.length <= most &&
    patterns.every((pattern) => expression(pattern).test(text));
  const plain = "example".padEnd(least, " example").slice(0, most);
  const known = FORMATS[String(schema["format"])];
  return [...(known === undefined ? [] : [known]), plain, ...matches(patterns, least)].find(fits);
}

/** Strings that match the patterns, short ones first; several patterns count as a prefix and a suffix. */
function* matches(patterns: readonly string[], least: number): Generator<string> {
  if (patterns.length === 0) return;
  for (const repeat of [0, 1, 8]) {
    const parts = patterns.map((pattern) => matching(pattern, repeat, least));
    yield* parts;
    const missing = Math.max(0, least - parts.join("").length);
    yield [parts[0], "x".repeat(missing), ...parts.slice(1)].join("");
  }
}

function matching(pattern: string, repeat: number, least: number): string {
  const generator = new RandExp(expression(pattern));
  generator.max = Math.max(least, repeat);
  // Deterministic: the first choice, or the one `repeat` further.
  generator.randInt = (from: number, to: number) => Math.min(to, from + repeat);
  return generator.gen();
}

/** JSON Schema requires Unicode patterns; some patterns only compile without the flag. */
function expression(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return new RegExp(pattern);
  }
}

/** Returns a number within the limits, an integer if possible.
 *
 * @returns `undefined` when no attempt is valid
 *
 * @example
 * ```ts
 * import { exampleNumber } from "./example_value.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(exampleNumber({ type: "integer", minimum: 10, multipleOf: 7 }), 14);
 * assertEquals(exampleNumber({ type: "number", exclusiveMinimum: 1, exclusiveMaximum: 1.5 }), 1.25);
 * ```
 */
export function exampleNumber(schema: JsonSchema): number | undefined {
  const limit = (name: string, otherwise: number) => Number(schema[name] ?? otherwise);
  const above = limit("exclusiveMinimum", -Infinity);
  const below = limit("exclusiveMaximum", Infinity);
  const least = Math.max(limit("minimum", -Infinity), above);
  const most = Math.min(limit("maximum", Infinity), below);
  const step = limit("multipleOf", 0);
  const whole = schema["type"] === "integer";
  const fits = (value: number) =>
    Number.isFinite(value) && value >= least && value <= most && value !== above &&
    value !== below && (!whole || Number.isInteger(value)) &&
    (step === 0 || Math.abs(value / step - Math.round(value / step)) < 1e-9);
  const up = step ? Math.ceil(least / step) * step : Math.ceil(least);
  const down = step ? Math.floor(most / step) * step : Math.floor(most);
  const unit = step || 1;
  return [1, step, 0, up, up + unit, down, down - unit, (least + most) / 2, least, most]
    .find(fits);
}
