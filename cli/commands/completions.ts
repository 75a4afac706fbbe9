/** `cli.ts completions`: print completions for a shell. */
import { ConfigurationError } from "../../shared/errors.ts";
import { bashScript } from "../completions/bash.ts";
import { commandTable } from "../completions/command_table.ts";
import { fishScript } from "../completions/fish.ts";
import { zshScript } from "../completions/zsh.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit.ts";
import { refuseArguments, subcommandOf } from "../terminal/arguments.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

const SHELLS = Object.keys(SCRIPTS) as (keyof typeof SCRIPTS)[];

/** Prints a script that completes commands, subcommands, flags and fixed values. */
export const completions: Command = {
  summary: "print completions for bash, zsh or fish",
  usage: "bash|zsh|fish [FLAGS]",
  words: SHELLS,
  details: [
    "The script completes commands, flags and fixed values of `celeriac`. If there is no such command, it defines a",
    "function of that name that runs `deno task -q cli`.",
    "",
    "  deno task -q cli completions bash > ~/.local/share/bash-completion/completions/celeriac",
  ].join("\n"),
  flags: {
    name: { value: "NAME", help: "name of the completed command [celeriac]" },
  },
  async run({ rest: [word, ...more], own: { name = "celeriac" }, peers = new Map() }) {
    if (word === undefined) {
      throw new ConfigurationError(
        "Cannot print completions without a shell: deno task cli completions bash|zsh|fish",
      );
    }
    const shell = subcommandOf(word, SHELLS, "completions");
    refuseArguments(more, `completions ${shell}`);
    if (!/^[a-z][\w-]*$/i.test(name)) {
      throw new ConfigurationError(
        `Cannot complete '${name}' of --name because it is no name of a command: give letters, digits, '-' and '_'`,
      );
    }
    await Deno.stdout.write(
      new TextEncoder().encode(SCRIPTS[shell](name, await commandTable(peers))),
    );
    return EXIT.done;
  },
};
