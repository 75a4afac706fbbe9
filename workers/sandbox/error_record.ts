/** Errors as they cross between a worker and its child processes: name, message, stack and meaning are kept. */
import {
  CeleriacError,
  ConfigurationError,
  Ignore,
  InvalidInput,
  PolicyViolation,
  Reject,
  Retry,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
  type Violation,
} from "../../shared/errors.ts";

/** Causes that are taken along; a chain may be circular. */
const MAX_CAUSES = 10;

/** An error as data. */
export interface ErrorRecord {
  /** The name of the class, or the name that the error gives itself. */
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorRecord;
  /** {@linkcode Retry}: seconds. */
  readonly countdown?: number;
  /** Time limits: seconds. */
  readonly seconds?: number;
  /** {@linkcode InvalidInput}: path of what is wrong. */
  readonly field?: string;
  /** The class that it names itself after in Python. */
  readonly pythonClass?: string;
  /** {@linkcode PolicyViolation}: of what kind. */
  readonly violation?: Violation;
  /** A zod error's list. */
  readonly issues?: readonly unknown[];
  /** Whether the class is one of `shared/errors.ts`, and not one of that name only. */
  readonly ours: boolean;
  /** What was thrown was no error, but this JSON value. */
  readonly thrown?: unknown;
}

const OURS: ReadonlyMap<string, (message: string, record: ErrorRecord) => Error> = new Map([
  [
    "Retry",
    (message, { countdown }) => new Retry(message, countdown === undefined ? {} : { countdown }),
  ],
  ["Reject", (message) => new Reject(message)],
  ["Ignore", (message) => new Ignore(message)],
  ["InvalidInput", (message, { field }) => new InvalidInput(message, field)],
  [
    "PolicyViolation",
    (message, { violation = "channel" }) => new PolicyViolation(message, violation),
  ],
  ["ConfigurationError", (message) => new ConfigurationError(message)],
  ["SoftTimeLimitExceeded", (_message, { seconds = 0 }) => new SoftTimeLimitExceeded(seconds)],
  ["TimeLimitExceeded", (_message, { seconds = 0 }) => new TimeLimitExceeded(seconds)],
]);

/** Writes whatever was thrown down as data.
 *
 * @example
 * ```ts
 * import { recordError, reviveError } from "./error_record.ts";
 * import { Retry } from "../../shared/errors.ts";
 * import { assert } from "@std/assert";
 *
 * const revived = reviveError(recordError(new Retry("later", { countdown: 5 })));
 * assert(revived instanceof Retry && revived.countdown === 5);
 * ```
 */
export function recordError(error: unknown, depth = 0): ErrorRecord {
  if (!(error instanceof Error)) return { name: "Error", ours: false, ...plain(error) };
  const { message, stack, cause } = error;
  return {
    name: nameOf(error),
    message: String(message),
    ours: error instanceof CeleriacError,
    ...(stack === undefined ? {} : { stack: String(stack) }),
    ...(cause === undefined || depth >= MAX_CAUSES ? {} : { cause: recordError(cause, depth + 1) }),
    ...(error instanceof Retry && error.countdown !== undefined
      ? { countdown: error.countdown }
      : {}),
    ...(error instanceof InvalidInput && error.field !== undefined ? { field: error.field } : {}),
    ...(error instanceof PolicyViolation ? { violation: error.violation } : {}),
    ...("seconds" in error && typeof error.seconds === "number" ? { seconds: error.seconds } : {}),
    ...("pythonClass" in error && typeof error.pythonClass === "string"
      ? { pythonClass: error.pythonClass }
      : {}),
    ...("issues" in error && Array.isArray(error.issues)
      ? { issues: plainIssues(error.issues) }
      : {}),
  };
}

/** Makes an error of a record: of its own class if that is one of ours, otherwise of a class of that name. What was no error comes back as it was. */
export function reviveError(record: ErrorRecord): unknown {
  if ("thrown" in record) return record.thrown;
  const { name, message, stack, cause, issues, pythonClass } = record;
  const make = record.ours ? OURS.get(name) : undefined;
  const error = make ? make(message, record) : new (classNamed(name))(message);
  define(error, "name", name);
  define(error, "stack", stack ?? `${name}: ${message}`);
  if (cause) define(error, "cause", reviveError(cause));
  if (pythonClass !== undefined) define(error, "pythonClass", pythonClass);
  if (issues) define(error, "issues", issues);
  return error;
}

/** The most telling name: a class that gives its errors no name inherits that of a built-in one. */
function nameOf({ name, constructor }: Error): string {
  const inherited = name === "Error" || Object.hasOwn(globalThis, name);
  return String(inherited && constructor?.name || name);
}

function classNamed(name: string): new (message: string) => Error {
  return { [name]: class extends Error {} }[name] ?? Error;
}

function define(error: Error, property: string, value: unknown): void {
  Object.defineProperty(error, property, { value, configurable: true, writable: true });
}

function plain(value: unknown): { message: string; thrown: unknown } {
  const isPlain = value === null || ["string", "number", "boolean"].includes(typeof value);
  const thrown = isPlain ? value : Deno.inspect(value);
  return { message: String(thrown), thrown };
}

function plainIssues(issues: readonly unknown[]): unknown[] {
  return issues.map((issue) => {
    const { path, message } = issue as { path?: unknown; message?: unknown };
    return { path: Array.isArray(path) ? path.map(String) : [], message: String(message) };
  });
}
