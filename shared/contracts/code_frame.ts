/** Shows where in a module an error occurred: the line, with a caret below the column. */
import { fileURLToPath } from "node:url";

/** A position in a file, as messages and stacks write it. Lines and columns count from 1. */
const PLACE = /(file:\/\/(?:(?!file:\/\/).)+?):(\d+):(\d+)/g;

/** ANSI colours, which some messages of Deno contain. */
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*m`, "g");

/** Modules of this package: when they reject a value, the mistake is in the app. */
const OWN: readonly string[] = [
  "../",
  "../../workers/",
  "../../cli/",
  "../../api/",
  "../../beat/",
  "../../cli.ts",
]
  .flatMap((path) => pathsOf(import.meta.resolve(path)));

/** Characters shown of a longer line. */
const MAX_WIDTH = 160;

/** Returns the source line of an error, a caret, and file, line and column.
 *
 * A parser's error contains all of it. Otherwise the position is the first one in message or stack outside of this
 * package, because a rejected definition is a mistake in the app.
 *
 * @param error the error of an `import()`
 * @returns `undefined` when the error names no position in a readable file
 *
 * @example
 * ```ts
 * import { codeFrame } from "./code_frame.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const parsed = new Error("Expression expected\n  |\n1 | x = ;\n  |     ~\n    at file:///a.ts:1:5");
 * assertEquals(codeFrame(parsed), "  |\n1 | x = ;\n  |     ~\n    at /a.ts:1:5");
 * assertEquals(codeFrame("text"), undefined);
 * ```
 */
export function codeFrame(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const message = error.message.replaceAll(COLOUR, "");
  const parsed = /^\s+\|\n[^]*?\n\s+at .+?:\d+:\d+$/m.exec(message);
  if (parsed) {
    return parsed[0].replaceAll(
      PLACE,
      (_, url, line, column) => `${pathsOf(url)[0]}:${line}:${column}`,
    );
  }
  const stack = (error.stack ?? "").replaceAll(COLOUR, "");
  for (const [, url = "", line = "", column = ""] of `${message}\n${stack}`.matchAll(PLACE)) {
    for (const path of pathsOf(url).filter(isOfApp)) {
      const text = lineOf(path, Number(line));
      if (text !== undefined) return frame({ path, line, column, text });
    }
  }
  return undefined;
}

function frame(
  { path, line, column, text }: { path: string; line: string; column: string; text: string },
): string {
  const gutter = " ".repeat(line.length);
  const indent = text.slice(0, Number(column) - 1).replaceAll(/[^\t]/g, " ");
  const shown = text.length > MAX_WIDTH ? `${text.slice(0, MAX_WIDTH)}...` : text;
  return [
    `${gutter} |`,
    `${line} | ${shown}`,
    `${gutter} | ${indent}^`,
    `    at ${path}:${line}:${column}`,
  ].join("\n");
}

/** Candidate paths of a URL: stacks contain URLs with decoded escapes. */
function pathsOf(url: string): string[] {
  try {
    return [...new Set([fileURLToPath(url), url.slice("file://".length)])];
  } catch {
    return url.startsWith("file://") ? [url.slice("file://".length)] : [];
  }
}

/** Whether a module belongs to the app: neither to this package, except for its sample app, nor to another package. */
function isOfApp(path: string): boolean {
  if (/[\\/](node_modules|npm)[\\/]/.test(path)) return false;
  return path.includes("/tasks/") || !OWN.some((own) => path.startsWith(own));
}

function lineOf(path: string, line: number): string | undefined {
  try {
    return Deno.readTextFileSync(path).split(/\r?\n/)[line - 1];
  } catch {
    return undefined;
  }
}
