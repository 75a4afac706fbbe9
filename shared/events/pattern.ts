/** Patterns of event types, as RabbitMQ's topic exchanges read them. */
import { InvalidInput } from "../errors.ts";
import { isEventType, TYPE_BYTES } from "./attributes.ts";

/** Maximum number of `#` in a pattern. RabbitMQ 4.3 refuses bindings with more. */
export const MANY_WORDS_MAX = 2;

/** Checks a pattern: words between dots, of which `*` is any one word and `#` any number of words.
 *
 * RabbitMQ would accept `order*` and `a..b`, but reads the `*` as a letter and expects an empty word: both are refused, because they hardly
 * mean that.
 *
 * @param field of the error
 * @throws {InvalidInput} `patterns`, or the field
 *
 * @example
 * ```ts
 * import { checkPattern } from "./pattern.ts";
 * import { assertThrows } from "@std/assert";
 *
 * checkPattern("orders.*.paid");
 * assertThrows(() => checkPattern("orders*"), Error, "a word of its own");
 * ```
 */
export function checkPattern(
  pattern: unknown,
  field = "patterns",
): asserts pattern is string {
  const refuse = (why: string, remedy: string) =>
    new InvalidInput(`Cannot use pattern '${pattern}' because ${why}: ${remedy}`, field);
  if (typeof pattern !== "string" || !isEventType(pattern)) {
    throw refuse(
      `it is not a text of 1 to ${TYPE_BYTES} bytes without control characters`,
      "correct it, such as 'orders.#'",
    );
  }
  const words = pattern.split(".");
  if (words.filter((word) => word === "#").length > MANY_WORDS_MAX) {
    throw refuse(
      `it has more than ${MANY_WORDS_MAX} '#', which RabbitMQ refuses`,
      "use several patterns, or '*' for one word",
    );
  }
  for (const word of words) {
    if (word === "") throw refuse("a word between its dots is empty", "remove a dot");
    if (word.length > 1 && /[*#]/.test(word)) {
      throw refuse(
        `'${word}' is no placeholder`,
        "make '*' or '#' a word of its own, such as 'orders.*'",
      );
    }
  }
}

/** Checks the type that a contract defines: a pattern without placeholders, so that a pattern selects it alone.
 *
 * @throws {InvalidInput} `type` */
export function checkType(type: unknown): asserts type is string {
  try {
    checkPattern(type);
  } catch (cause) {
    if (!(cause instanceof InvalidInput)) throw cause;
    throw new InvalidInput(cause.message.replace("use pattern", "use type"), "type", { cause });
  }
  if (!/[*#\s]/.test(type)) return;
  throw new InvalidInput(
    `Cannot use type '${type}' because it contains a space, '*' or '#': use words between dots, such as 'orders.paid'`,
    "type",
  );
}
