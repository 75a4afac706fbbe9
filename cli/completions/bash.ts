/** Completions for bash. */
import { shellQuote } from "../../shared/text/shell_quote.ts";
import type { CompletedCommand } from "./command_table.ts";

/** The script for bash. Bash splits words at `=`, so a value may be the second word after its flag. */
export function bashScript(name: string, commands: readonly CompletedCommand[]): string {
  const offers = commands.map(({ name, words, flags }) => {
    const shown = flags.map((flag) => `--${flag.name}${flag.takesValue ? "=" : ""}`);
    return `    ${shellQuote(name)}) words=${shellQuote(words.join(" "))} flags=${
      shellQuote(shown.join(" "))
    } ;;`;
  });
  const values = commands.flatMap((command) =>
    command.flags.flatMap((flag) =>
      flag.takesValue
        ? [
          `    ${shellQuote(`${command.name} --${flag.name}`)}) ${
            flag.values.length > 0 ? `values=${shellQuote(flag.values.join(" "))}` : "values=FILES"
          } ;;`,
        ]
        : []
    )
  );
  return `# Completions of ${name} for bash.
type ${name} >/dev/null 2>&1 || ${name}() { deno task -q cli "$@"; }
_${name}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="\${COMP_WORDS[1]}" words="" flags="" values=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ${
    shellQuote(["--help", ...commands.map(({ name }) => name)].join(" "))
  } -- "$word"))
    return
  fi
  if [ "$word" = "=" ]; then word=""
  elif [ "$previous" = "=" ]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  case "$command $previous" in
${values.join("\n")}
  esac
  if [ "$values" = FILES ]; then
    compopt -o default
    return
  elif [ -n "$values" ]; then
    COMPREPLY=($(compgen -W "$values" -- "$word"))
    return
  fi
  case "$command" in
${offers.join("\n")}
  esac
  case "$word" in
    -*)
      COMPREPLY=($(compgen -W "$flags" -- "$word"))
      case "\${COMPREPLY[0]}" in *=) compopt -o nospace ;; esac
      ;;
    *)
      if [ "$COMP_CWORD" -eq 2 ]; then COMPREPLY=($(compgen -W "$words" -- "$word")); fi
      if [ "\${#COMPREPLY[@]}" -eq 0 ]; then compopt -o default; fi
      ;;
  esac
}
complete -F _${name} ${name}
`;
}
