/** Serialized errors, for messages between a worker and its child processes. Name, message, stack and class are kept. */
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
  UncaughtError,
  type Violation,
} from "../../shared/errors.ts";
import {
  argsOf,
  isError,
  nameOf,
  plainIssues,
  plainThrown,
  property,
  reasonsOf,
  textOf,
  unreadable,
} from "../../shared/runtime/thrown.ts";

/** Limits for causes and aggregated errors: a chain may be circular. */
const MAX_CAUSES = 10;
const MAX_DEPTH = 4;

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
  /** {@linkcode InvalidInput}: path of the invalid field. */
  readonly field?: string;
  /** Name of the Python class that the error corresponds to. */
  readonly pythonClass?: string;
  /** Arguments for that class. */
  readonly args?: readonly unknown[];
  /** {@linkcode PolicyViolation}: its kind. */
  readonly violation?: Violation;
  /** Errors of an `AggregateError`. */
  readonly reasons?: readonly ErrorRecord[];
  /** A zod error's list. */
  readonly issues?: readonly unknown[];
  /** Whether the class is from `shared/errors.ts`, not just one with the same name. */
  readonly ours: boolean;
  /** The thrown JSON value, if it was not an error. */
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
  ["UncaughtError", (message) => new UncaughtError(message)],
  ["ConfigurationError", (message) => new ConfigurationError(message)],
  ["SoftTimeLimitExceeded", (_message, { seconds = 0 }) => new SoftTimeLimitExceeded(seconds)],
  ["TimeLimitExceeded", (_message, { seconds = 0 }) => new TimeLimitExceeded(seconds)],
]);

/** Serializes a thrown value.
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
export function recordError(error: unknown): ErrorRecord {
  try {
    return written(error, 0);
  } catch (cause) {
    return written(unreadable(cause), 0);
  }
}

function written(error: unknown, depth: number): ErrorRecord {
  if (!isError(error)) {
    const thrown = plainThrown(error);
    return { name: "Error", message: String(thrown), ours: false, thrown };
  }
  const stack = property(error, "stack");
  const cause = property(error, "cause");
  const seconds = property(error, "seconds");
  const pythonClass = property(error, "pythonClass");
  const args = argsOf(error);
  const issues = property(error, "issues");
  const reasons = depth < MAX_DEPTH ? reasonsOf(error).slice(0, MAX_CAUSES) : [];
  return {
    name: nameOf(error),
    message: textOf(property(error, "message")),
    ours: error instanceof CeleriacError,
    ...(stack === undefined ? {} : { stack: textOf(stack) }),
    ...(cause === undefined || depth >= MAX_CAUSES ? {} : { cause: written(cause, depth + 1) }),
    ...(reasons.length && { reasons: reasons.map((reason) => written(reason, depth + 1)) }),
    ...(error instanceof Retry && error.countdown !== undefined
      ? { countdown: error.countdown }
      : {}),
    ...(error instanceof InvalidInput && error.field !== undefined ? { field: error.field } : {}),
    ...(error instanceof PolicyViolation ? { violation: error.violation } : {}),
    ...(typeof seconds === "number" ? { seconds } : {}),
    ...(typeof pythonClass === "string" ? { pythonClass } : {}),
    ...(args && { args }),
    ...(Array.isArray(issues) ? { issues: plainIssues(issues) } : {}),
  };
}

/** Creates the error of a record: with its class if that is from this package, otherwise with a class of the same name. A value that is not
 * an error is returned unchanged. */
export function reviveError(record: ErrorRecord): unknown {
  if ("thrown" in record) return record.thrown;
  const { name, message, stack, cause, reasons, issues, pythonClass, args } = record;
  const make = record.ours ? OURS.get(name) : undefined;
  const error = make
    ? make(message, record)
    : reasons
    ? new (aggregateNamed(name))(reasons.map(reviveError), message)
    : new (classNamed(name))(message);
  define(error, "name", name);
  define(error, "stack", stack ?? `${name}: ${message}`);
  if (cause) define(error, "cause", reviveError(cause));
  if (pythonClass !== undefined) define(error, "pythonClass", pythonClass);
  if (args) define(error, "args", args);
  if (issues) define(error, "issues", issues);
  return error;
}

function classNamed(name: string): new (message: string) => Error {
  return { [name]: class extends Error {} }[name] ?? Error;
}

function aggregateNamed(name: string): new (errors: unknown[], message: string) => Error {
  return { [name]: class extends AggregateError {} }[name] ?? AggregateError;
}

function define(error: Error, property: string, value: unknown): void {
  Object.defineProperty(error, property, { value, configurable: true, writable: true });
}
