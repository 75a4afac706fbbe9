/** Tables of the documentation: GitHub shows a row without a header, or of another width, as text. */
import { assertEquals } from "@std/assert";
import { pages } from "../support/documentation.ts";

/** The cells of a row. A `|` in code, or after a backslash, does not end a cell. */
function cellsOf(row: string): number {
  return row.trim().replaceAll(/\\\|/g, "").slice(1, -1).split("|").length;
}

const isRow = (line: string | undefined) => /^\s*\|.*\|\s*$/.test(line ?? "");
const isRuler = (line: string | undefined) => /^\s*\|(\s*:?-+:?\s*\|)+\s*$/.test(line ?? "");

/** What is wrong with the tables of a page: its line number and the fault. */
function faultsOf(text: string): string[] {
  const prose = text.replaceAll(
    /^( *)```[\s\S]*?^\1```$/gm,
    (code) => code.replaceAll(/[^\n]/g, ""),
  );
  const lines = prose.split("\n");
  const faults: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    if (!isRow(lines[at])) continue;
    if (!isRuler(lines[at + 1])) faults.push(`${at + 1}: a row without a header`);
    const width = cellsOf(lines[at]!);
    for (; isRow(lines[at]); at++) {
      if (cellsOf(lines[at]!) !== width) faults.push(`${at + 1}: not ${width} cells`);
    }
  }
  return faults;
}

Deno.test("the check finds a row without a header and a row of another width", () => {
  assertEquals(faultsOf("| a | b |\n| - | - |\n| 1 | 2 |"), []);
  assertEquals(faultsOf("| 1 | 2 |\n\ntext"), ["1: a row without a header"]);
  assertEquals(faultsOf("| a | b |\n| - | - |\n| 1 | 2 | 3 |"), ["3: not 2 cells"]);
  assertEquals(faultsOf("```\n| 1 |\n```"), []);
});

Deno.test("every row of a table belongs to a table with a header, and has its width", async () => {
  const faults: string[] = [];
  for (const [page, text] of await pages()) {
    for (const fault of faultsOf(text)) faults.push(`${page}:${fault}`);
  }
  assertEquals(faults, []);
});
