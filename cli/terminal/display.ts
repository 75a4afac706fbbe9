/** Text as a terminal displays it: width in columns, and nothing that controls the terminal. */
import { stripVTControlCharacters } from "node:util";
import stringWidth from "string-width";

/** Replaces everything that a terminal would not show as text, such as escape sequences and line breaks.
 *
 * @example
 * ```ts
 * import { printable } from "./display.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(printable("\u001b[31mred\u001b[0m\n"), "red\ufffd");
 * ```
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text.toWellFormed()).replaceAll(
    /\p{C}|[\u2028\u2029]/gu,
    "\ufffd",
  );
}

/** Cuts text to a number of columns; `…` replaces the rest.
 *
 * @example
 * ```ts
 * import { cut } from "./display.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(cut("celeriac", 5), "cele…");
 * assertEquals(cut("대기열", 4), "대…");
 * ```
 */
export function cut(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let kept = "";
  let width = 1;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    width += stringWidth(segment);
    if (width > columns) break;
    kept += segment;
  }
  return columns < 1 ? "" : `${kept}…`;
}

/** A table whose columns are as wide as their widest cell.
 *
 * @param heads names of the columns; those that begin with `>` are aligned to the right
 *
 * @example
 * ```ts
 * import { table } from "./display.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(table(["NAME", ">N"], [["대기", "7"], ["b", "10"]]), ["NAME   N", "대기   7", "b     10"]);
 * ```
 */
export function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const lines = [heads.map((head) => head.replace(/^>/, "")), ...rows];
  const widths = heads.map((_, column) =>
    Math.max(...lines.map((line) => stringWidth(line[column] ?? "")))
  );
  return lines.map((line) =>
    line.map((cell, column) => {
      const space = " ".repeat(widths[column]! - stringWidth(cell));
      return heads[column]!.startsWith(">") ? space + cell : cell + space;
    }).join("  ").trimEnd()
  );
}
