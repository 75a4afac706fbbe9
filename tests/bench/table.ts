/** A row of the benchmark's table. */
export interface Row {
  readonly what: string;
  /** Measured value in `unit`. */
  readonly measured: number;
  readonly unit: string;
  /** Value of the baseline in the same unit. */
  readonly baseline?: number;
  /** Target: a minimum ratio to the baseline, or a maximum. */
  readonly target?: { readonly ratio: number } | { readonly atMost: number };
}

/** Formats rows for a terminal and for Markdown.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { table } from "./table.ts";
 *
 * const text = table([
 *   { what: "worker", measured: 1500, unit: "tasks/s", baseline: 2000, target: { ratio: 0.6 } },
 * ]);
 * assertStringIncludes(text, "75 %");
 * assertStringIncludes(text, ">= 60 %");
 * ```
 */
export function table(rows: readonly Row[]): string {
  const head = ["what", "measured", "baseline", "ratio", "target", ""];
  const body = rows.map((row) => [
    row.what,
    amount(row.measured, row.unit),
    row.baseline === undefined ? "" : amount(row.baseline, row.unit),
    row.baseline === undefined ? "" : percent(row.measured / row.baseline),
    targetText(row),
    row.target ? isReached(row) ? "reached" : "MISSED" : "",
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...body].map((cells) => cells[column]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(head), rule, ...body.map(line)].join("\n");
}

function isReached({ measured, baseline = NaN, target }: Row): boolean {
  if (!target) return true;
  return "ratio" in target ? measured / baseline >= target.ratio : measured <= target.atMost;
}

function targetText({ target, unit }: Row): string {
  if (!target) return "";
  return "ratio" in target ? `>= ${percent(target.ratio)}` : `<= ${amount(target.atMost, unit)}`;
}

function amount(value: number, unit: string): string {
  return `${Math.round(value).toLocaleString("en")} ${unit}`;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}
