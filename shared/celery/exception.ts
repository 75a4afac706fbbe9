/** Encodes exceptions as Celery stores them. */
import {
  InvalidInput,
  MaxRetriesExceeded,
  Reject,
  Retry,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
  WorkerLost,
  WrongArguments,
} from "../errors.ts";
import {
  argsOf,
  isError,
  nameOf,
  plainIssues,
  plainThrown,
  property,
  reasonsOf,
  summaryOf,
  textOf,
} from "../runtime/thrown.ts";
import { repr, REPR_BUDGET } from "./repr.ts";

/** `exc_type`, `exc_message`, `exc_module` of Celery's `prepare_exception` (celery/backends/base.py). */
export interface ExceptionMeta {
  readonly exc_type: string;
  /** The exception's arguments as JSON values. The first is its message. */
  readonly exc_message: readonly unknown[];
  readonly exc_module: string;
}

/** Module of errors without a Python class. Celery creates a subclass of `Exception` with the error's name. */
const MODULE = "celeriac";

/** Maximum characters of a message and of a traceback. */
const MAX_MESSAGE = 8 * 1024;
const MAX_TRACEBACK = 64 * 1024;

/** Maximum number of causes and reasons in a traceback. */
const MAX_CAUSES = 10;

/** Python classes for JavaScript's built-in errors. All are subclasses of `Exception`; others would terminate the reader. */
const BUILTINS: ReadonlyMap<string, string> = new Map([
  ["TypeError", "TypeError"],
  ["RangeError", "ValueError"],
  ["SyntaxError", "ValueError"],
  ["URIError", "ValueError"],
  ["ReferenceError", "NameError"],
  ["TimeoutError", "TimeoutError"],
]);

/** Built-in Python exceptions that `pythonClass` may name. Others would terminate the reader (`SystemExit`) or are not exceptions. */
const NAMEABLE: ReadonlySet<string> = new Set([
  ...["ArithmeticError", "AssertionError", "AttributeError", "BlockingIOError", "BufferError"],
  ...["ConnectionError", "ConnectionRefusedError", "ConnectionResetError", "EOFError", "Exception"],
  ...["FileExistsError", "FileNotFoundError", "ImportError", "IndexError", "InterruptedError"],
  ...["IsADirectoryError", "KeyError", "LookupError", "MemoryError", "NameError"],
  ...["NotADirectoryError", "NotImplementedError", "OSError", "OverflowError", "PermissionError"],
  ...["RecursionError", "RuntimeError", "TimeoutError", "TypeError", "ValueError"],
  ...["ZeroDivisionError"],
]);

/** Celery's control-flow exceptions. A Python task that reads one in a result would re-raise it and never finish. */
const CHOICES: ReadonlySet<string> = new Set(["Ignore", "Reject", "Retry", "TaskPredicate"]);

/** A module and a class in it. */
const DOTTED = /^([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\.([A-Za-z_]\w*)$/;

/** Encodes any thrown value as an exception that Python can rebuild.
 *
 * An error can set its Python class with a property `pythonClass`, such as `shop.errors.NotServed`. A reader that has loaded this module
 * gets an instance of the class. Its arguments are the JSON values of the property `args`; by default, the message.
 *
 * @example
 * ```ts
 * import { encodeException, pythonRepr } from "./exception.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const meta = encodeException(new RangeError("too big"));
 * assertEquals(meta, { exc_type: "ValueError", exc_message: ["too big"], exc_module: "builtins" });
 * assertEquals(pythonRepr(meta), "ValueError('too big')");
 * ```
 */
export function encodeException(error: unknown): ExceptionMeta {
  return encode(error, 0);
}

function encode(error: unknown, depth: number): ExceptionMeta {
  if (!isError(error)) return exception(MODULE, "Error", thrown(error));
  const message = storable(messageOf(error), MAX_MESSAGE);
  if (error instanceof SoftTimeLimitExceeded) {
    return exception("billiard.exceptions", "SoftTimeLimitExceeded");
  }
  if (error instanceof TimeLimitExceeded) {
    return exception("billiard.exceptions", "TimeLimitExceeded", error.seconds);
  }
  if (error instanceof WorkerLost) {
    return exception("billiard.exceptions", "WorkerLostError", message);
  }
  if (error instanceof Reject) return exception("celery.exceptions", "Reject", message, false);
  if (error instanceof Retry) {
    // Celery stores the cause of the retry.
    const cause = property(error, "cause");
    if (cause !== undefined && depth < MAX_CAUSES) return encode(cause, depth + 1);
    return exception("celery.exceptions", "Retry", message);
  }
  if (error instanceof MaxRetriesExceeded) {
    return exception("celery.exceptions", "MaxRetriesExceededError", message);
  }
  if (error instanceof WrongArguments) return exception("builtins", "TypeError", message);
  if (error instanceof InvalidInput) return exception("builtins", "ValueError", message);
  const issues = property(error, "issues");
  if (Array.isArray(issues) && issues.length > 0) {
    return exception("builtins", "ValueError", storable(issuesText(issues), MAX_MESSAGE));
  }
  const args = argsOf(error)?.map(argument) ?? [message];
  const named = pythonClass(error);
  if (named) return exception(...named, ...args);
  const type = nameOf(error);
  const builtin = BUILTINS.get(type);
  if (builtin) return exception("builtins", builtin, ...args);
  return exception(MODULE, identifier(type), ...args);
}

/** Python's `repr` of an exception: `ValueError('boom')`. */
export function pythonRepr({ exc_type: type, exc_message: args }: ExceptionMeta): string {
  const shown = args.map((arg) => typeof arg === "string" ? quoted(arg) : repr(arg));
  return `${type.slice(type.lastIndexOf(".") + 1)}(${shown.join(", ")})`;
}

/** The stacks of an error, its causes and its aggregated errors, as text that Postgres can store; at most 64 Ki characters. */
export function traceback(error: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  const add = (intro: string, thrown: unknown): void => {
    if (parts.length >= MAX_CAUSES || seen.has(thrown)) return;
    seen.add(thrown);
    const stack = isError(thrown) ? stackOf(thrown) : textOf(plainThrown(thrown));
    parts.push(intro + storable(stack, MAX_TRACEBACK));
    if (!isError(thrown)) return;
    for (const reason of reasonsOf(thrown).slice(0, MAX_CAUSES)) add("Reason: ", reason);
    const cause = property(thrown, "cause");
    if (cause !== undefined) add("Caused by: ", cause);
  };
  add("", error);
  return storable(parts.join("\n"), MAX_TRACEBACK);
}

/** The exception of a revoked task.
 *
 * @param why `revoked`, `expired`, `terminated` or `ignored`
 */
export function revoked(why: string): ExceptionMeta {
  return exception("celery.exceptions", "TaskRevokedError", why);
}

/** The exception of a task that no worker has registered. */
export function notRegistered(name: string): ExceptionMeta {
  return exception("celery.exceptions", "NotRegistered", name);
}

function exception(module: string, type: string, ...args: unknown[]): ExceptionMeta {
  return { exc_type: type, exc_message: args, exc_module: module };
}

/** The message of an error, followed by the messages of its aggregated errors. */
function messageOf(error: Error): string {
  const message = textOf(property(error, "message"));
  const reasons = reasonsOf(error).slice(0, MAX_CAUSES).map(summaryOf);
  return [...message === "" ? [] : [message], ...reasons.length ? [reasons.join("; ")] : []]
    .join(": ");
}

/** V8 starts a stack with the error's name at construction time: `Error`, if the class sets its name later or never. */
function stackOf(error: Error): string {
  const stack = textOf(property(error, "stack") || summaryOf(error));
  return stack.replace(
    /^\w+(?=:|\n|$)/,
    (shown) => shown === "Error" ? identifier(nameOf(error)) : shown,
  );
}

/** Makes an argument storable in Postgres. Too large values become text. */
function argument(value: unknown): unknown {
  if (typeof value === "string") return storable(value, MAX_MESSAGE);
  const json = JSON.stringify(value);
  return json.length > MAX_MESSAGE || UNSTORABLE.test(json)
    ? storable(textOf(value), MAX_MESSAGE)
    : value;
}

/** NUL and lone surrogates in JSON. */
const UNSTORABLE = /\\u(?:0000|d[89a-f])/i;

/** JSON scalars stay unchanged; any other value becomes text. */
function thrown(value: unknown): unknown {
  const plain = plainThrown(value);
  return typeof plain === "string" ? storable(plain, MAX_MESSAGE) : plain;
}

/** The class in an error's `pythonClass`, if it is safe for the reader. */
function pythonClass(error: Error): [module: string, type: string] | undefined {
  const name = property(error, "pythonClass");
  if (typeof name !== "string") return undefined;
  const [, module = "", type = ""] = DOTTED.exec(name) ?? [];
  if (type === "" || module === "builtins" && !NAMEABLE.has(type)) return undefined;
  if (module === "celery.exceptions" && CHOICES.has(type)) return undefined;
  return [module, type];
}

/** Makes a name a valid Python class name. */
function identifier(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_.]/g, "_").slice(0, 255);
  return /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`;
}

/** The issues of a zod error as readable text. Its own message is JSON. */
function issuesText(issues: readonly unknown[]): string {
  return plainIssues(issues).map(({ path, message }) =>
    path.length > 0 ? `${path.join(".")}: ${message}` : message
  ).join("; ");
}

/** Makes text storable in Postgres: bounded, without NUL and lone surrogates. */
function storable(text: string, length: number): string {
  const bounded = text.length > length ? `${text.slice(0, length - 3)}...` : text;
  return bounded.toWellFormed().replaceAll("\0", "\\x00");
}

/** A string as Python's `repr` writes it. */
function quoted(text: string): string {
  const bounded = text.length > REPR_BUDGET ? `${text.slice(0, REPR_BUDGET)}...` : text;
  const quote = bounded.includes("'") && !bounded.includes('"') ? '"' : "'";
  const escaped = bounded.replaceAll(
    /[\\'"\n\r\t]|(?! )[\p{C}\p{Z}]/gu,
    (character) => escape(character, quote),
  );
  return quote + escaped + quote;
}

function escape(character: string, quote: string): string {
  switch (character) {
    case "\n":
      return "\\n";
    case "\r":
      return "\\r";
    case "\t":
      return "\\t";
    case "\\":
      return "\\\\";
    case "'":
    case '"':
      return character === quote ? `\\${quote}` : character;
  }
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
