/** Reads whatever was thrown. A handler may throw a value of any kind: also a revoked proxy, or an error whose properties throw when they
 * are read. Nothing here throws. */
import { isDeepStrictEqual as equal } from "node:util";
import { repr } from "../celery/repr.ts";

/** Stands for a value that throws when it is read. */
const UNREADABLE = "(unreadable)";

/** Names that classes of users inherit: their own class says more. */
const INHERITED: ReadonlySet<string> = new Set([
  ...["Error", "TypeError", "RangeError", "SyntaxError", "URIError", "ReferenceError", "EvalError"],
  ...["AggregateError", "SuppressedError"],
]);

/** Whether it is an error.
 *
 * @example
 * ```ts
 * import { isError } from "./thrown.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { proxy, revoke } = Proxy.revocable({}, {});
 * revoke();
 * assertEquals([isError(new Error()), isError("text"), isError(proxy)], [true, false, false]);
 * ```
 */
export function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}

/** A property of an error; a text that says so where it throws when it is read. */
export function property(error: Error, name: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[name];
  } catch {
    return UNREADABLE;
  }
}

/** Text as it is, anything else as Python would show it. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return repr(value);
  } catch {
    return UNREADABLE;
  }
}

/** What was thrown and is no error: a JSON scalar as it is, anything else as text. */
export function plainThrown(value: unknown): string | number | boolean | null {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return value === undefined ? "undefined" : textOf(value);
}

/** The most telling name of an error: a class that does not name its errors inherits the name of a built-in one. */
export function nameOf(error: Error): string {
  const name = property(error, "name");
  if (typeof name === "string" && name !== "" && !INHERITED.has(name)) return name;
  try {
    const { name: own } = error.constructor;
    if (typeof own === "string" && own !== "") return own;
  } catch {
    // The name that it gives itself is all there is.
  }
  return textOf(name ?? "Error");
}

/** Arguments of an error that are taken along. */
const MAX_ARGS = 32;

/** What an error lists as its arguments in `args`, for Python's class: JSON values, and text in place of what JSON does not hold;
 * `undefined` where it lists none. */
export function argsOf(error: Error): unknown[] | undefined {
  const args = property(error, "args");
  try {
    return Array.isArray(args) ? Array.from(args).slice(0, MAX_ARGS).map(plainArgument) : undefined;
  } catch {
    return undefined;
  }
}

function plainArgument(value: unknown): unknown {
  try {
    const text = JSON.stringify(value);
    const plain: unknown = text === undefined ? undefined : JSON.parse(text);
    if (text !== undefined && equal(plain, value)) return plain;
  } catch {
    // Shown instead.
  }
  return textOf(value);
}

/** The errors that an `AggregateError` or a `SuppressedError` holds. */
export function reasonsOf(error: Error): readonly unknown[] {
  try {
    if (error instanceof AggregateError) return Array.from(error.errors);
    if (error instanceof SuppressedError) return [error.error, error.suppressed];
  } catch {
    // Unreadable ones say nothing.
  }
  return [];
}

/** What was thrown, in a line: `TypeError: boom`. */
export function summaryOf(thrown: unknown): string {
  if (!isError(thrown)) return textOf(plainThrown(thrown));
  const message = textOf(property(thrown, "message"));
  return message === "" ? nameOf(thrown) : `${nameOf(thrown)}: ${message}`;
}

/** What zod, or another schema library, found; of an issue that cannot be read, that.
 *
 * @example
 * ```ts
 * import { plainIssues } from "./thrown.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(plainIssues([{ path: ["items", 0], message: "Required" }]), [
 *   { path: ["items", "0"], message: "Required" },
 * ]);
 * ```
 */
export function plainIssues(issues: readonly unknown[]): { path: string[]; message: string }[] {
  return Array.from(issues, (issue) => {
    try {
      const { path, message } = issue as { path?: unknown; message?: unknown };
      return { path: Array.isArray(path) ? path.map(String) : [], message: textOf(message) };
    } catch {
      return { path: [], message: textOf(issue) };
    }
  });
}

/** What takes the place of a value that cannot be read at all: a handler does not escape its outcome by what it throws.
 *
 * @param cause what reading it threw */
export function unreadable(cause: unknown): TypeError {
  return new TypeError(
    `Cannot read what was thrown because reading it throws (${summaryOf(cause)}): throw an Error`,
  );
}
