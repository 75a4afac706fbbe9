/** Extracts fenced blocks and commands from README.md and docs/.
 * @module
 */
import { readdir } from "node:fs/promises";
import { checkout } from "./roles.ts";

/** A fenced block. */
export interface Block {
  /** Path of the page, relative to the checkout. */
  readonly page: string;
  /** Line of its opening fence. */
  readonly line: number;
  /** Language of the fence, such as `sh`; empty for a drawing. */
  readonly language: string;
  /** Without the indentation of its fence. */
  readonly text: string;
}

/** A command that a reader may copy. */
export interface ShownCommand {
  readonly page: string;
  readonly line: number;
  /** The command on one line, without its comment. */
  readonly text: string;
}

/** A code span that begins with one of these programs is a command. */
const PROGRAM = /^(deno|npx|npm|cli\.ts|kubectl|docker|podman|kind|curl|celery|psql|pip) /;

/** Reads README.md, CONTRIBUTING.md and the pages of docs/. */
export async function pages(): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(`${checkout}docs`, { recursive: true }))
    .filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`).sort();
  const read = async (page: string) =>
    [page, await Deno.readTextFile(`${checkout}${page}`)] as const;
  return new Map(await Promise.all(["README.md", "CONTRIBUTING.md", ...names].map(read)));
}

/** Returns the fenced blocks of a page. */
export function blocksOf(page: string, text: string): Block[] {
  const fences = text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm);
  return [...fences].map(([, indent = "", language = "", body = ""], index, all) => ({
    page,
    line: lineAt(text, all[index]!.index),
    language,
    text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}

/** Returns the commands of a page: the lines of `sh` blocks, and code spans that begin with a program's name. */
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

/** Splits a shell script into commands: joins continued lines, drops comments and empty lines. */
function joined(script: string): string[] {
  return script.replaceAll(/\\\n\s*/g, "").split("\n")
    .map((line) => line.replace(/(^|\s+)# .*$/, "").trim())
    .filter((line) => line !== "");
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
