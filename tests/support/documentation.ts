/** What README.md and docs/ show: fenced blocks, and the commands in them and in running text.
 * @module
 */
import { readdir } from "node:fs/promises";
import { checkout } from "./roles.ts";

/** A fenced block. */
export interface Block {
  /** Path of the page, from the checkout. */
  readonly page: string;
  /** Line of its opening fence. */
  readonly line: number;
  /** What follows the fence, such as `sh`; empty for a drawing. */
  readonly language: string;
  /** Without the indentation of its fence. */
  readonly text: string;
}

/** A command that a reader may paste. */
export interface ShownCommand {
  readonly page: string;
  readonly line: number;
  /** On one line, without its comment. */
  readonly text: string;
}

/** Programs whose name makes a span of code in running text a command. */
const PROGRAM = /^(deno|npx|npm|cli\.ts|kubectl|docker|podman|kind|curl|celery|psql|pip) /;

/** README.md, CONTRIBUTING.md and the pages of docs/, with their texts. */
export async function pages(): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(`${checkout}docs`, { recursive: true }))
    .filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`).sort();
  const read = async (page: string) =>
    [page, await Deno.readTextFile(`${checkout}${page}`)] as const;
  return new Map(await Promise.all(["README.md", "CONTRIBUTING.md", ...names].map(read)));
}

/** The fenced blocks of a page. */
export function blocksOf(page: string, text: string): Block[] {
  const fences = text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm);
  return [...fences].map(([, indent = "", language = "", body = ""], index, all) => ({
    page,
    line: lineAt(text, all[index]!.index),
    language,
    text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}

/** The commands of a page: the lines of its `sh` blocks, and spans of code that begin with a program's name. */
export function commandsOf(page: string, text: string): ShownCommand[] {
  const lines = blocksOf(page, text).filter(({ language }) => language === "sh").flatMap(
    ({ line, text }) => joined(text).map((command) => ({ page, line, text: command })),
  );
  const prose = text.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, (block) => block.replaceAll(/./g, ""));
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map(({ 1: span = "", index }) => ({
    page,
    line: lineAt(prose, index),
    text: span.replaceAll(/\s+/g, " "),
  }));
  return [...lines, ...spans.filter(({ text }) => PROGRAM.test(text))];
}

/** Lines of a shell script as commands: continued lines in one, comments and empty lines left out. */
function joined(script: string): string[] {
  return script.replaceAll(/\\\n\s*/g, "").split("\n")
    .map((line) => line.replace(/(^|\s+)# .*$/, "").trim())
    .filter((line) => line !== "");
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
