/** Converts Python's representation of plain arguments to JSON, if it is unambiguous. */

/** Maximum nesting depth of lists and dictionaries. Representations have at most three levels. */
const MAX_DEPTH = 20;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])/y;
const WORDS = { None: "null", True: "true", False: "false" } as const;

/** Reads a representation written by `repr()` of `repr.ts` or by Celery's `saferepr`. Tuples and lists become arrays.
 *
 * A representation is unreadable if it was (or may have been) truncated, if it contains a value that JSON cannot express, or if a
 * backslash before a quote is ambiguous: representations do not escape backslashes, so it may be an escape or the end of a string.
 *
 * @returns JSON text with the digits of all numbers unchanged; `undefined` when it is unreadable
 *
 * @example
 * ```ts
 * import { reprJson } from "./read_repr.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(reprJson("(2, [True, None], {'a': 'it\\'s'})"), `[2,[true,null],{"a":"it's"}]`);
 * assertEquals(reprJson("('a long text that is...',)"), undefined);
 * ```
 */
export function reprJson(text: string): string | undefined {
  const reader = new Reader(text);
  const json = reader.value(0);
  return json !== undefined && reader.atEnd ? json : undefined;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  value(depth: number): string | undefined {
    if (depth > MAX_DEPTH) return undefined;
    switch (this.#text[this.#at]) {
      case "'":
        return this.#string();
      case "(":
        return this.#items(")", depth);
      case "[":
        return this.#items("]", depth);
      case "{":
        return this.#entries(depth);
    }
    for (const [word, json] of Object.entries(WORDS)) {
      if (this.#take(word)) return json;
    }
    NUMBER.lastIndex = this.#at;
    const [number] = NUMBER.exec(this.#text) ?? [];
    if (number !== undefined) this.#at += number.length;
    return number;
  }

  #take(word: string): boolean {
    const found = this.#text.startsWith(word, this.#at);
    if (found) this.#at += word.length;
    return found;
  }

  #items(close: string, depth: number): string | undefined {
    this.#at++;
    const items: string[] = [];
    while (!this.#take(close)) {
      // A tuple of one item ends with a comma.
      if (items.length === 1 && close === ")" && this.#take(",)")) break;
      if (items.length > 0 && !this.#take(", ")) return undefined;
      const item = this.value(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return `[${items.join(",")}]`;
  }

  #entries(depth: number): string | undefined {
    this.#at++;
    const entries: string[] = [];
    while (!this.#take("}")) {
      if (entries.length > 0 && !this.#take(", ")) return undefined;
      const name = this.#text[this.#at] === "'" ? this.#string() : undefined;
      if (name === undefined || !this.#take(": ")) return undefined;
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      entries.push(`${name}:${value}`);
    }
    return `{${entries.join(",")}}`;
  }

  #string(): string | undefined {
    let content = "";
    let start = this.#at + 1;
    for (;;) {
      const quote = this.#text.indexOf("'", start);
      if (quote === -1) return undefined;
      if (quote === start || this.#text[quote - 1] !== "\\") {
        content += this.#text.slice(start, quote);
        this.#at = quote + 1;
        break;
      }
      if (/^(?:, |,\)|[)\]}]|: |$)/.test(this.#text.slice(quote + 1, quote + 3))) return undefined;
      content += `${this.#text.slice(start, quote - 1)}'`;
      start = quote + 1;
    }
    // Truncated, or with characters that representations replace.
    if (content.endsWith("...") || /\\x00|\ufffd/.test(content)) return undefined;
    return JSON.stringify(content);
  }
}
