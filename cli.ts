/** The command line: `deno task cli COMMAND`. See {@linkcode COMMANDS}, or `--help`.
 *
 * Exit codes: 0 done; 1 the task failed, or things differ; 2 wrong usage or configuration;
 * 3 a server could not be reached; 4 no answer in time.
 * @module
 */
import { loadConfig, parseFlags } from "./shared/config/config.ts";
import { closest } from "./shared/text/closest.ts";
import { ConfigurationError } from "./shared/errors.ts";
import { ownFlags } from "./cli/command.ts";
import { COMMANDS } from "./cli/commands.ts";
import { help, overview } from "./cli/help.ts";
import { EXIT, explain } from "./cli/exit.ts";
import { checkOwnVariables } from "./cli/variables.ts";
import { refuseArguments } from "./cli/terminal/arguments.ts";

/** Runs one command.
 *
 * @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  const [name = "--help", ...given] = args;
  if (["--help", "-h", "help"].includes(name)) {
    console.log(overview());
    return 0;
  }
  while (true) {
    try {
      return await runCommand(name, given);
    } catch (error) {
      const { code, text } = explain(error, name);
      console.error(`celeriac: ${text}`);
      if (code !== EXIT.usage) return code;
      const { reportStartupFailure } = await import("./cli/startup_failure.ts");
      // A container asks for its role's permissions before it starts the role.
      const role = name === "permissions" ? given.find((word) => word !== "--json") : name;
      if (!await reportStartupFailure(role ?? "", error)) return code;
    }
  }
}

async function runCommand(name: string, given: readonly string[]): Promise<number> {
  const load = COMMANDS.get(name);
  if (!load) {
    const near = closest(name, COMMANDS.keys());
    throw new ConfigurationError(
      `Cannot run '${name}' because there is no such command${
        near ? `: did you mean '${near}'?` : ": see --help"
      }`,
    );
  }
  const command = await load();
  if (given.includes("--help") || given.includes("-h")) {
    console.log(help(name, command));
    return 0;
  }
  checkOwnVariables();
  if (command.verbatim) {
    return await command.run({
      config: undefined,
      own: {},
      rest: given,
      args: given,
      peers: COMMANDS,
    });
  }
  const { flags, own, rest } = parseFlags(command.role, given, ownFlags(command));
  if (!command.usage) refuseArguments(rest, name);
  const config = command.role ? loadConfig(command.role, { flags }) : undefined;
  return await command.run({ config, own, rest, args: given, peers: COMMANDS });
}

if (import.meta.main) Deno.exit(await main(Deno.args));
