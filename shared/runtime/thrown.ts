/** Reads thrown values safely. A handler may throw any value: even a revoked proxy, or an error whose getters throw.
 * Nothing here throws. */
import { isDeepStrictEqual as equal } from "node:util";
import { repr } from "../celery/repr.ts";

/** Replaces a value that throws when it is read. */
const UNREADABLE = "(unreadable)";

/** Names of built-in errors that subclasses inherit; the name of the subclass is more specific. */
const INHERITED: ReadonlySet<string> = new Set([
  ...["Error", "TypeError", "RangeError", "SyntaxError", "URIError", "ReferenceError", "EvalError"],
  ...["AggregateError", "SuppressedError"],
]);

/** Whether a value is an error.
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

/** A property of an error, or a text that says that reading it throws. */
export function property(error: Error, name: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[name];
  } catch {
    return UNREADABLE;
  }
}

/** A string unchanged, anything else as Python's `repr` shows it. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return repr(value);
  } catch {
    return UNREADABLE;
  }
}

/** A thrown value that is not an error: a JSON scalar unchanged, anything else as text. */
export function plainThrown(value: unknown): string | number | boolean | null {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return value === undefined ? "undefined" : textOf(value);
}

/** The most specific name of an error: a class that sets no `name` inherits that of a built-in one. */
export function nameOf(error: Error): string {
  const name = property(error, "name");
  if (typeof name === "string" && name !== "" && !INHERITED.has(name)) return name;
  try {
    const { name: own } = error.constructor;
    if (typeof own === "string" && own !== "") return own;
  } catch {
    // Only the name that it sets is available.
  }
  return textOf(name ?? "Error");
}

/** Maximum number of arguments that are kept. */
const MAX_ARGS = 32;

/** The arguments that an error lists in `args`, for Python's class: JSON values, and text for what JSON cannot represent;
 * `undefined` if it lists none. */
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
    // The text is shown instead.
  }
  return textOf(value);
}

/** The errors of an `AggregateError` or a `SuppressedError`. */
export function reasonsOf(error: Error): readonly unknown[] {
  try {
    if (error instanceof AggregateError) return Array.from(error.errors);
    if (error instanceof SuppressedError) return [error.error, error.suppressed];
  } catch {
    // Unreadable ones are left out.
  }
  return [];
}

/** A thrown value in one line: `TypeError: boom`. */
export function summaryOf(thrown: unknown): string {
  if (!isError(thrown)) return textOf(plainThrown(thrown));
  const message = textOf(property(thrown, "message"));
  return message === "" ? nameOf(thrown) : `${nameOf(thrown)}: ${message}`;
}

/** The issues that zod or another schema library found; an unreadable issue becomes one that says so.
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

/** Replaces a value that cannot be read at all, so that a handler cannot avoid an outcome by throwing it.
 *
 * @param cause the error that reading it threw */
export function unreadable(cause: unknown): TypeError {
  return new TypeError(
    `Cannot read what was thrown because reading it throws (${summaryOf(cause)}): throw an Error`,
  );
}
