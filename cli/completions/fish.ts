/** Completions for fish. */
import type { CompletedCommand } from "./command_table.ts";

/** The script for fish. */
export function fishScript(name: string, commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap((command) => {
    const seen = `-n ${quoted(`__fish_seen_subcommand_from ${command.name}`)}`;
    return [
      `complete -c ${name} -f -n __fish_use_subcommand -a ${command.name} -d ${
        quoted(command.summary)
      }`,
      ...command.words.length > 0
        ? [`complete -c ${name} -f ${seen} -a ${quoted(command.words.join(" "))}`]
        : [],
      ...command.flags.map(({ name: flag, help, takesValue, values }) => {
        const value = values.length > 0
          ? ` -x -a ${quoted(values.join(" "))}`
          : takesValue
          ? " -r"
          : "";
        return `complete -c ${name} ${seen} -l ${flag}${value} -d ${quoted(help)}`;
      }),
    ];
  });
  return `# Completions of ${name} for fish.
type -q ${name}; or function ${name}; deno task -q cli $argv; end
${lines.join("\n")}
`;
}

/** Text in single quotes, in which fish replaces only \`\\\` and \`'\`. */
function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
