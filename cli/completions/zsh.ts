/** Completions for zsh. */
import { shellQuote } from "../../shared/text/shell_quote.ts";
import type { CompletedCommand, CompletedFlag } from "./command_table.ts";

/** The script for zsh. */
export function zshScript(name: string, commands: readonly CompletedCommand[]): string {
  const described = commands.map(({ name, summary }) =>
    `    ${shellQuote(`${name}:${summary.replaceAll(":", "\\:")}`)}`
  );
  const cases = commands.map(({ name, words, flags }) => {
    const specifications = [
      ...words.length > 0 ? [`1:word:(${words.join(" ")})`] : [],
      ...flags.map(specification),
      "*:argument:_files",
    ];
    return `    ${name})\n      _arguments ${specifications.map(shellQuote).join(" ")}\n      ;;`;
  });
  return `#compdef ${name}
# Completions of ${name} for zsh.
(( $+commands[${name}] || $+functions[${name}] )) || ${name}() { deno task -q cli "$@" }
_${name}() {
  if (( CURRENT == 2 )); then
    local -a names=(
${described.join("\n")}
    )
    _describe command names
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join("\n")}
  esac
}
if (( $+functions[compdef] )); then compdef _${name} ${name}; fi
`;
}

function specification({ name, help, takesValue, values }: CompletedFlag): string {
  const text = help.replaceAll(/[\\:\[\]]/g, "\\$&");
  if (!takesValue) return `--${name}[${text}]`;
  return `--${name}=[${text}]:value:${values.length > 0 ? `(${values.join(" ")})` : "_files"}`;
}
