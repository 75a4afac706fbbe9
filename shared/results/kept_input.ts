/** The input of a task as its record keeps it. */
import { parseJson, stringifyJson } from "../celery/python_json.ts";
import { InvalidInput } from "../errors.ts";

/** Representation of arguments that have redacted parts, in records and events. */
export const HIDDEN_REPR = "<redacted>";

/** Replaces a redacted value. */
const REDACTED = "[redacted]";

/** The kept input: the arguments, or why there are none. */
export type KeptInput =
  | {
    readonly args: unknown[];
    readonly kwargs: Record<string, unknown>;
    /** Fields whose values were replaced, such as `kwargs.card.number`. Absent if there are none. */
    readonly redacted?: readonly string[];
  }
  | {
    /** `too-large`: larger than `CELERIAC_INPUT_MAX_BYTES`. `not-json`: it contains NaN, an infinity or another value that JSON lacks. */
    readonly omitted: "too-large" | "not-json";
    /** Size as JSON. */
    readonly bytes?: number;
  };

/** How to keep an input. */
export interface KeepOptions {
  /** Maximum bytes of JSON. */
  readonly maxBytes: number;
  /** Paths to redact, as segments; the first one is the name of an argument or `*`. */
  readonly redact: readonly (readonly string[])[];
  /** Names of the arguments in the order in which positional ones are bound. */
  readonly keys: readonly string[];
}

/** Writes an input as JSON text. Integers beyond 2^53 stay exact.
 *
 * @example
 * ```ts
 * import { keepInput } from "./kept_input.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { maxBytes: 1000, redact: [["password"]], keys: ["user", "password"] };
 * assertEquals(
 *   keepInput({ args: [2n ** 60n, "secret"], kwargs: {} }, options),
 *   '{"args":[1152921504606846976,"[redacted]"],"kwargs":{},"redacted":["args.1"]}',
 * );
 * ```
 */
export function keepInput(
  { args, kwargs }: {
    readonly args: readonly unknown[];
    readonly kwargs: Readonly<Record<string, unknown>>;
  },
  { maxBytes, redact, keys }: KeepOptions,
): string {
  const redacted = new Set<string>();
  let input: unknown = { args, kwargs };
  for (const [key = "", ...deeper] of redact) {
    const position = keys.indexOf(key);
    if (key === "*" || position >= 0) {
      const place = key === "*" ? "*" : String(position);
      input = redactAt(input, ["args", place, ...deeper], "", redacted);
    }
    input = redactAt(input, ["kwargs", key, ...deeper], "", redacted);
  }
  const hidden = redacted.size > 0 && { redacted: [...redacted] };
  try {
    if (hasNonFinite(input)) return JSON.stringify({ omitted: "not-json" });
    const text = stringifyJson({ ...input as object, ...hidden });
    const bytes = new TextEncoder().encode(text).length;
    return bytes <= maxBytes ? text : JSON.stringify({ omitted: "too-large", bytes });
  } catch (error) {
    if (error instanceof InvalidInput) return JSON.stringify({ omitted: "not-json" });
    throw error;
  }
}

/** Reads what {@linkcode keepInput} wrote. Integers beyond 2^53 become bigint. */
export function readKeptInput(text: string): KeptInput {
  return parseJson(text) as KeptInput;
}

/** A copy of a value in which the values at a path are replaced. Other parts are shared with the original.
 *
 * @param at the path of `value`
 * @param found receives the paths of the replaced values */
function redactAt(
  value: unknown,
  [segment, ...deeper]: readonly string[],
  at: string,
  found: Set<string>,
): unknown {
  if (segment === undefined) {
    found.add(at);
    return REDACTED;
  }
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value)
    ? [...value]
    : { ...value };
  const names = segment === "*" ? Object.keys(copy) : Object.hasOwn(copy, segment) ? [segment] : [];
  for (const name of names) {
    const path = at === "" ? name : `${at}.${name}`;
    const parts = copy as Record<string, unknown>;
    parts[name] = redactAt(parts[name], deeper, path, found);
  }
  return copy;
}

/** Whether a number is contained that JSON would turn into null. */
function hasNonFinite(value: unknown): boolean {
  if (typeof value === "number") return !Number.isFinite(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasNonFinite);
}
