/** Represents values like Celery's `saferepr` in headers, events and tables (celery/utils/saferepr.py). */

/** Characters after which a representation is truncated (Celery's `argsrepr_maxsize`). */
export const REPR_BUDGET = 1024;

/** Maximum nesting depth. Deeper containers become `[...]` and `{...}`. */
const LEVELS = 3;

/** Options of {@linkcode repr}. */
export interface ReprOptions {
  /** Characters after which it is truncated, not counting closing brackets and `, ...`. Default {@linkcode REPR_BUDGET}. */
  readonly budget?: number;
}

/** The Python representation of a value: `{'a': [1, True, None]}`. Postgres can store it: no NUL, no lone surrogate.
 *
 * @example
 * ```ts
 * import { repr, reprArgs } from "./repr.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(repr({ name: "Ada", tags: [true, null] }), "{'name': 'Ada', 'tags': [True, None]}");
 * assertEquals(reprArgs([2]), "(2,)");
 * ```
 */
export function repr(value: unknown, { budget = REPR_BUDGET }: ReprOptions = {}): string {
  const writer = new Writer(budget);
  writer.write(value, 0);
  return writer.text;
}

/** Arguments as a Python tuple, like `task.delay(...)` sends them: `(2, 2)`. */
export function reprArgs(
  args: readonly unknown[],
  { budget = REPR_BUDGET }: ReprOptions = {},
): string {
  const writer = new Writer(budget);
  writer.sequence(args, 0, "(", args.length === 1 ? ",)" : ")");
  return writer.text;
}

/** Writes pieces until the budget is exhausted. The piece that exhausts it is still written. */
class Writer {
  #text = "";
  #left: number;
  /** The rest is omitted; only open brackets are still closed. */
  #cut = false;

  constructor(budget: number) {
    this.#left = budget;
  }

  get text(): string {
    const text = this.#text.isWellFormed() ? this.#text : this.#text.toWellFormed();
    return text.includes("\0") ? text.replaceAll("\0", "\\x00") : text;
  }

  write(value: unknown, level: number): void {
    switch (typeof value) {
      case "string":
        return this.#quoted(value);
      case "object":
        if (value === null) return this.#word("None");
        if (Array.isArray(value)) return this.sequence(value, level, "[", "]");
        if (value instanceof Date) return this.#quoted(dateText(value));
        if (value instanceof Uint8Array) return this.#bytes(value);
        return this.#dictionary(value, level);
      case "number":
        return this.#word(number(value));
      case "boolean":
        return this.#word(value ? "True" : "False");
      case "bigint":
        return this.#word(String(value));
      default:
        return this.#word("None");
    }
  }

  sequence(items: readonly unknown[], level: number, open: string, close: string): void {
    if (level >= LEVELS) return this.#piece(`${open}...${close}`);
    if (!this.#open(open)) return;
    for (let index = 0; index < items.length && !this.#cut; index++) {
      if (index > 0) this.#piece(", ");
      this.write(items[index], level + 1);
    }
    this.#close(close);
  }

  #dictionary(value: object, level: number): void {
    if (level >= LEVELS) return this.#piece("{...}");
    if (!this.#open("{")) return;
    let first = true;
    for (const key in value) {
      if (this.#cut) break;
      if (!Object.hasOwn(value, key)) continue;
      if (!first) this.#piece(", ");
      first = false;
      this.#quoted(key);
      this.#piece(": ");
      this.write((value as Record<string, unknown>)[key], level + 1);
    }
    this.#close("}");
  }

  #open(bracket: string): boolean {
    this.#piece(bracket);
    return !this.#cut;
  }

  /** An open container is always closed. */
  #close(bracket: string): void {
    this.#text += bracket;
    this.#left -= bracket.length;
  }

  #piece(text: string): void {
    if (this.#cut) return;
    if (this.#left <= 0) {
      this.#cut = true;
      this.#text += ", ...";
      return;
    }
    this.#text += text;
    this.#left -= text.length;
  }

  #word(text: string): void {
    this.#piece(truncated(text, this.#left));
  }

  #quoted(text: string): void {
    this.#piece(`'${truncated(text, this.#left).replaceAll("'", "\\'")}'`);
  }

  #bytes(bytes: Uint8Array): void {
    const shown = bytes.subarray(0, Math.max(0, this.#left));
    const rest = shown.length < bytes.length ? "..." : "";
    this.#piece(`b'${bytesText(shown)}${rest}'`);
  }
}

/** Truncates a text of at least `length` characters, at its last space if it has one. */
function truncated(text: string, length: number): string {
  if (text.length < length || length <= 0) return length <= 0 ? "" : text;
  const head = text.slice(0, length);
  const space = head.lastIndexOf(" ");
  return `${space < 0 ? head : head.slice(0, space)}...`;
}

/** A number in Python's notation. Whole numbers become integers, because JavaScript does not distinguish `4` and `4.0`. */
function number(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size === 0 || size >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}

function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? "Invalid Date" : date.toISOString();
}

function bytesText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes.toHex();
  }
}
