/** Splits SQL files into statements, by the rules of psql. */

/** A statement of a file. */
export interface SqlStatement {
  /** Text without the semicolon and without preceding comments. */
  readonly text: string;
  /** Line of the first character, from 1. */
  readonly line: number;
}

/** Comments, quoted strings and names, dollar-quoted strings, words, and single characters. An unclosed quote extends to the end. */
const TOKEN = new RegExp(
  [
    String.raw`(?<space>\s+|--[^\n]*)`,
    String.raw`(?<comment>/\*)`,
    String.raw`[eE]'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*(?:'|$)`,
    String.raw`'[^']*(?:''[^']*)*(?:'|$)`,
    String.raw`"[^"]*(?:""[^"]*)*(?:"|$)`,
    String.raw`(?<dollar>\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$)`,
    String.raw`(?<word>[\p{L}_][\p{L}\p{N}_$]*)`,
    String.raw`[\p{N}]+`,
    String.raw`[^]`,
  ].join("|"),
  "uy",
);

/** Functions and procedures with a `begin atomic ... end` body, which contains semicolons. */
const ROUTINE = /^create (or replace )?(function|procedure)\b/;

/** Splits at semicolons outside of quotes, comments, parentheses and `begin atomic` bodies.
 *
 * @example
 * ```ts
 * import { splitStatements } from "./sql_statements.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(splitStatements("-- orders\ncreate table a ();\ncomment on table a is ';'"), [
 *   { text: "create table a ()", line: 2 },
 *   { text: "comment on table a is ';'", line: 3 },
 * ]);
 * ```
 */
export function splitStatements(sql: string): SqlStatement[] {
  const statements: SqlStatement[] = [];
  let start: number | undefined;
  let line = 1;
  let counted = 0;
  let words: string[] = [];
  let parentheses = 0;
  let bodies = 0;
  const end = (at: number) => {
    if (start !== undefined) {
      line += sql.slice(counted, start).split("\n").length - 1;
      counted = start;
      statements.push({ text: sql.slice(start, at).trimEnd(), line });
    }
    start = undefined;
    words = [];
    parentheses = bodies = 0;
  };
  for (let at = 0; at < sql.length;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(sql)!;
    const { space, comment, dollar, word } = match.groups!;
    const token = match[0];
    const next = comment
      ? endOfComment(sql, at)
      : dollar
      ? endOfDollarQuote(sql, at, dollar)
      : at + token.length;
    if (token === ";" && parentheses === 0 && bodies === 0) end(at);
    else if (space === undefined && comment === undefined) start ??= at;
    if (token === "(") parentheses++;
    if (token === ")") parentheses--;
    if (word && parentheses === 0) {
      const lower = word.toLowerCase();
      if (words.length < 4) words.push(lower);
      bodies += step(lower, bodies, words);
    }
    at = next;
  }
  end(sql.length);
  return statements;
}

/** Change of the nesting depth by a word: `begin` and `case` open, `end` closes. */
function step(word: string, bodies: number, words: readonly string[]): number {
  if (!ROUTINE.test(words.join(" "))) return 0;
  if (word === "begin" || (word === "case" && bodies > 0)) return 1;
  return word === "end" && bodies > 0 ? -1 : 0;
}

/** Comments in `/*` nest. */
function endOfComment(sql: string, from: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = from;
  let depth = 0;
  for (let match = edge.exec(sql); match; match = edge.exec(sql)) {
    depth += match[0] === "/*" ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return sql.length;
}

function endOfDollarQuote(sql: string, from: number, quote: string): number {
  const close = sql.indexOf(quote, from + quote.length);
  return close === -1 ? sql.length : close + quote.length;
}
