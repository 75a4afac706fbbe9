/** Completions in real shells. Missing shells are installed.
 * @module
 */
import { join } from "node:path";
import { canInstall, installPackages } from "./packages.ts";
import { run } from "./process.ts";
import { type PtyStep, runInTerminal } from "./pty.ts";

/** Finds a shell, or installs its package.
 *
 * @throws if there is none and none can be installed */
export async function needShell(name: "fish" | "zsh"): Promise<void> {
  if (await isThere(name)) return;
  if (await canInstall()) await installPackages([name], AbortSignal.timeout(300_000));
  if (await isThere(name)) return;
  throw new Error(`Cannot test completions because there is no ${name}: install it`);
}

/** The only file of the folder in which the shells complete. */
export const FILE = "a_file";

/** What fish offers at the end of a line, without descriptions. */
export async function fishOffers(script: string, line: string): Promise<string[]> {
  await using folder = await scriptFolder("celeriac.fish", script);
  const text = await run("fish", [
    "--no-config",
    "-c",
    'source $argv[1]; cd $argv[2]; complete -C "$argv[3]"',
    join(folder.path, "celeriac.fish"),
    join(folder.path, "files"),
    line,
  ]);
  return text.split("\n").filter(Boolean).map((offer) => offer.split("\t")[0]!).sort();
}

/** Prints every match that completion adds, and the end of each completion. */
const ZSHRC = `
PROMPT='<ready>'
setopt no_beep
autoload -Uz compinit
compinit -u -D
source $ZDOTDIR/_celeriac
cd $ZDOTDIR/files
zstyle ':completion:*' insert-tab false
bindkey '^I' complete-word
compadd () {
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then
    builtin compadd "$@"
    return $?
  fi
  local -a hits
  builtin compadd -A hits "$@"
  local hit
  for hit in $hits; do print -rn -- "<offer>$hit</offer>"; done
  builtin compadd "$@"
}
ended () {
  print -rn -- '<end>'
  comppostfuncs=(ended)
}
comppostfuncs=(ended)
`;

/** Removes the line. */
const CTRL_U = "\x15";

/** What zsh offers at the end of each line. */
export async function zshOffers(script: string, lines: readonly string[]): Promise<string[][]> {
  await using folder = await scriptFolder("_celeriac", script);
  await Deno.writeTextFile(join(folder.path, ".zshrc"), ZSHRC);
  const steps: PtyStep[] = lines.flatMap((line) => [
    { type: `${line}\t` },
    { until: "<end>" },
    { type: CTRL_U },
  ]);
  const { output } = await runInTerminal(
    ["zsh", "--no-globalrcs", "-i"],
    [{ until: "<ready>" }, ...steps, { type: "exit\n" }],
    { env: { ZDOTDIR: folder.path, TERM: "dumb" } },
  );
  return output.split("<end>").slice(0, lines.length).map((part) =>
    [...new Set(part.matchAll(/<offer>(.*?)<\/offer>/gs).map(([, offer = ""]) => offer))].sort()
  );
}

async function scriptFolder(name: string, script: string) {
  const path = await Deno.makeTempDir({ prefix: "celeriac_" });
  await Deno.writeTextFile(join(path, name), script);
  await Deno.mkdir(join(path, "files"));
  await Deno.writeTextFile(join(path, "files", FILE), "");
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

async function isThere(name: string): Promise<boolean> {
  return await run(name, ["--version"]).then(() => true, () => false);
}
