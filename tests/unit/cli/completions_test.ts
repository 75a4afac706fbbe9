/** Completions in a real bash. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../../cli/commands.ts";
import { main } from "../../../cli.ts";
import { bashScript } from "../../../cli/completions/bash.ts";
import { commandTable } from "../../../cli/completions/command_table.ts";
import { fishScript } from "../../../cli/completions/fish.ts";
import { zshScript } from "../../../cli/completions/zsh.ts";
import { run } from "../../support/process.ts";

const table = await commandTable(COMMANDS);
const script = bashScript("celeriac", table);

/** What bash offers for the last word. */
async function offers(...words: string[]): Promise<string[]> {
  const list = ["celeriac", ...words].map((word) => `'${word}'`).join(" ");
  const text = await run("bash", [
    "-c",
    `compopt() { :; }\n${script}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length}; _celeriac; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ]);
  return text.split("\n").filter(Boolean);
}

Deno.test("bash completes commands, subcommands, flags and fixed values", async () => {
  const cases: [words: string[], expected: string[]][] = [
    [["rev"], ["revoke"]],
    [["dead", ""], ["list", "show", "redrive", "purge"]],
    [["dead", "pu"], ["purge"]],
    [["subscriptions", "add", "--mat"], ["--match="]],
    [["subscriptions", "add", "--match", "="], ["all", "any"]],
    [["subscriptions", "add", "--match", "=", "an"], ["any"]],
    [["worker", "--log-level", "de"], ["debug"]],
    [["worker", "--log-format", "=", ""], ["text", "json"]],
    [["definitions", "apply", "--delay-levels", "=", ""], ["quorum", "classic"]],
    [["inspect", "pi"], ["ping"]],
    [["completions", ""], ["bash", "zsh", "fish"]],
    [["call", "add", "--wait", "=", ""], []],
    [["unknown", "x"], []],
  ];
  for (const [words, expected] of cases) assertEquals(await offers(...words), expected, `${words}`);
  assertEquals((await offers("")).length, COMMANDS.size + 1);
});

Deno.test("each script has every command, subcommand and flag", () => {
  const scripts: [text: string, flag: (name: string) => string][] = [
    [script, (name) => `--${name}`],
    [zshScript("celeriac", table), (name) => `--${name}`],
    [fishScript("celeriac", table), (name) => `-l ${name} `],
  ];
  for (const [text, flagOf] of scripts) {
    for (const { name, words, flags } of table) {
      assertStringIncludes(text, name);
      assertStringIncludes(text, words.join(" "));
      for (const flag of flags) assertStringIncludes(text, flagOf(flag.name));
    }
  }
});

Deno.test("completions refuses other shells and names in words, with code 2", async () => {
  for (
    const args of [[], ["tcsh"], ["bsh"], ["bash", "more"], ["bash", "--name=a b"], ["zsh", "-n"]]
  ) {
    assertEquals(await main(["completions", ...args]), 2, args.join(" "));
  }
});
