/** Python's representation of plain arguments -> JSON, where it leaves no doubt. */

/** Lists and dictionaries within one another: representations show three. */
const MAX_DEPTH = 20;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])/y;
const WORDS = { None: "null", True: "true", False: "false" } as const;

/** Reads what `repr()` of this folder, or Celery's `saferepr`, wrote: tuples and lists become arrays.
 *
 * It cannot be read when it was cut, or could have been; when it holds what JSON has no form for; and where a backslash before a quote
 * may be either an escape or the end of a text, as representations do not escape backslashes.
 *
 * @returns JSON text, with the digits of all numbers as they are; `undefined` when it cannot be read
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
      // A tuple of one ends with a comma.
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
    // Cut, or with characters that representations replace.
    if (content.endsWith("...") || /\\x00|\ufffd/.test(content)) return undefined;
    return JSON.stringify(content);
  }
}
