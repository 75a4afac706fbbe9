/** Rows as text in columns.
 *
 * @example
 * ```ts
 * import { columns } from "./columns.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(columns(["NAME", "N"], [["a", "10"]]), "NAME  N\na     10");
 * ```
 */
export function columns(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, ...rows];
  const widths = heads.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0))
  );
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
    .join("\n");
}
