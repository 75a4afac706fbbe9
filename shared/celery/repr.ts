/** Values as Celery's `saferepr` shows them in headers, events and tables (celery/utils/saferepr.py). */

/** Characters after which a representation is cut (Celery's `argsrepr_maxsize`). */
export const REPR_BUDGET = 1024;

/** Containers within one another that are shown; deeper ones are `[...]` and `{...}`. */
const LEVELS = 3;

/** How to represent. */
export interface ReprOptions {
  /** Characters after which it is cut; closing brackets and `, ...` come on top. Default {@linkcode REPR_BUDGET}. */
  readonly budget?: number;
}

/** A value as Python would show it: `{'a': [1, True, None]}`. Storable: no NUL, no lone surrogate.
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

/** Arguments as the tuple that `task.delay(...)` sends: `(2, 2)`. */
export function reprArgs(
  args: readonly unknown[],
  { budget = REPR_BUDGET }: ReprOptions = {},
): string {
  const writer = new Writer(budget);
  writer.sequence(args, 0, "(", args.length === 1 ? ",)" : ")");
  return writer.text;
}

/** Writes pieces until the budget is spent; the piece that spends it is still written. */
class Writer {
  #text = "";
  #left: number;
  /** The rest is left out, and only brackets that are open are still closed. */
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

  /** A container that is open is always closed. */
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

/** Cuts a text that is not shorter than `length`, at its last space if it has one. */
function truncated(text: string, length: number): string {
  if (text.length < length || length <= 0) return length <= 0 ? "" : text;
  const head = text.slice(0, length);
  const space = head.lastIndexOf(" ");
  return `${space < 0 ? head : head.slice(0, space)}...`;
}

/** As Python writes numbers; whole ones as integers, since JSON does not tell `4` from `4.0` here. */
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
