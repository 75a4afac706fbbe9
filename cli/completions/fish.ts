/** Completions for fish. */
import type { CompletedCommand } from "./command_table.ts";

/** The script for fish. Words of subcommands may be names of other commands, so that conditions look at the place of a word. */
export function fishScript(name: string, commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap((command) => {
    const within = (part: "command" | "word") =>
      `-n ${quoted(`__${name}_${part} ${command.name}`)}`;
    return [
      `complete -c ${name} -f -n __${name}_first -a ${command.name} -d ${quoted(command.summary)}`,
      ...command.words.length > 0
        ? [`complete -c ${name} -f ${within("word")} -a ${quoted(command.words.join(" "))}`]
        : [],
      ...command.flags.map(({ name: flag, help, takesValue, values }) => {
        const value = values.length > 0
          ? ` -x -a ${quoted(values.join(" "))}`
          : takesValue
          ? " -r"
          : "";
        return `complete -c ${name} ${within("command")} -l ${flag}${value} -d ${quoted(help)}`;
      }),
    ];
  });
  return `# Completions of ${name} for fish.
type -q ${name}; or function ${name}; deno task -q cli $argv; end
function __${name}_first
  test (count (commandline -opc)) -eq 1
end
function __${name}_command
  set -l words (commandline -opc)
  test (count $words) -ge 2; and test "$words[2]" = $argv[1]
end
function __${name}_word
  set -l words (commandline -opc)
  test (count $words) -eq 2; and test "$words[2]" = $argv[1]
end
${lines.join("\n")}
`;
}

/** Text in single quotes, in which fish replaces only \`\\\` and \`'\`. */
function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
