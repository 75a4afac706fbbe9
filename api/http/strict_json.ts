/** Strict JSON: I-JSON (RFC 7493), limited to what Python and Postgres also accept. */
import { fieldProblem, Problem } from "./problem.ts";

/** Maximum nesting depth. */
export const MAX_DEPTH = 100;

type Path = (string | number)[];
type Source = { readonly source?: string };

/** Parses a body.
 *
 * Rejects invalid JSON, duplicate names in an object, the name `__proto__`, NUL
 * characters, lone surrogates, integers beyond ±(2^53-1), numbers beyond a double, and more than
 * {@linkcode MAX_DEPTH} levels.
 *
 * @throws {Problem} `invalid-json`, or `invalid-input` naming the field
 *
 * @example
 * ```ts
 * import { parseStrict } from "./strict_json.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(parseStrict('{"kwargs":{"x":1}}'), { kwargs: { x: 1 } });
 * assertThrows(() => parseStrict('{"kwargs":{"x":9007199254740993}}'), Error, "kwargs.x");
 * ```
 */
export function parseStrict(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Problem("invalid-json", `Cannot read the body as JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  const seen = { names: 0, wide: false };
  inspect(value, [], seen);
  if (seen.wide) refuseWideNumbers(text);
  if (seen.names !== namesIn(text).length) refuseTwins(text, value);
  return value;
}

/** Checks the parsed value, which is faster than scanning the text. */
function inspect(value: unknown, path: Path, seen: { names: number; wide: boolean }): void {
  if (typeof value === "string") return inspectText(value, path, "a text");
  if (typeof value === "number") {
    // Only the text shows whether such a large number was written as an integer.
    if (!Number.isSafeInteger(value) && (Number.isInteger(value) || !Number.isFinite(value))) {
      seen.wide = true;
    }
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (path.length >= MAX_DEPTH) {
    throw fieldProblem(
      path.slice(0, 8).join(".") + "...",
      `it is nested deeper than ${MAX_DEPTH} levels: flatten it`,
    );
  }
  if (Array.isArray(value)) {
    for (const [position, item] of value.entries()) {
      path.push(position);
      inspect(item, path, seen);
      path.pop();
    }
    return;
  }
  for (const name of Object.keys(value)) {
    path.push(name);
    seen.names++;
    inspectText(name, path, "a name");
    if (name === "__proto__") {
      throw fieldProblem(path.join("."), "the name '__proto__' is not allowed");
    }
    inspect((value as Record<string, unknown>)[name], path, seen);
    path.pop();
  }
}

function inspectText(text: string, path: Path, what: string): void {
  if (text.includes("\0")) {
    throw fieldProblem(printable(path), `${what} may not hold a NUL character (\\u0000)`);
  }
  if (!text.isWellFormed()) {
    throw fieldProblem(
      printable(path),
      `${what} may not hold half of a surrogate pair (\\ud800 to \\udfff alone)`,
    );
  }
}

function printable(path: Path): string {
  return path.join(".").toWellFormed().replaceAll("\0", "\\u0000");
}

function refuseWideNumbers(text: string): void {
  let first: { why: string } | undefined;
  const mark = (_name: string, value: unknown, { source = "" }: Source): unknown => {
    const why = typeof value === "number" ? tooWide(value, source) : undefined;
    return why && !first ? first = { why } : value;
  };
  const marked: unknown = JSON.parse(text, mark as (name: string, value: unknown) => unknown);
  if (first) throw fieldProblem(pathTo(first, marked)!.join("."), first.why);
}

function tooWide(value: number, source: string): string | undefined {
  if (!Number.isFinite(value)) return "the number exceeds 1.8e308: send it as a string";
  // Below 1e21 JavaScript serializes a whole number without an exponent, so that it becomes an integer.
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return undefined;
  if (Math.abs(value) >= 1e21 && /[.eE]/.test(source)) return undefined;
  return "the integer is outside -9007199254740991 to 9007199254740991 (2^53 - 1): send it as a string";
}

function pathTo(wanted: object, value: unknown): Path | undefined {
  if (value === wanted) return [];
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, item] of Object.entries(value)) {
    const rest = pathTo(wanted, item);
    if (rest) return [name, ...rest];
  }
}

/** Positions of all names: strings before a colon. */
function namesIn(text: string): { start: number; end: number }[] {
  const names = [];
  let start = text.indexOf('"');
  while (start !== -1) {
    let end = start;
    do end = text.indexOf('"', end + 1); while (isEscaped(text, end));
    let next = end + 1;
    while (" \n\r\t".includes(text.charAt(next)) && next < text.length) next++;
    if (text.charAt(next) === ":") names.push({ start, end: end + 1 });
    start = text.indexOf('"', next);
  }
  return names;
}

function isEscaped(text: string, quote: number): boolean {
  let before = quote;
  while (text.charAt(before - 1) === "\\") before--;
  return (quote - before) % 2 === 1;
}

function refuseTwins(text: string, value: unknown): never {
  const count = new Map<string, number>();
  for (const { start, end } of namesIn(text)) {
    const name: string = JSON.parse(text.slice(start, end));
    count.set(name, (count.get(name) ?? 0) + 1);
  }
  JSON.stringify(value, (_name, item: unknown) => {
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    for (const name of Object.keys(item)) count.set(name, count.get(name)! - 1);
    return item;
  });
  const [twin] = [...count].find(([, surplus]) => surplus > 0)!;
  throw fieldProblem(twin, "the name occurs more than once in this object: remove one");
}
