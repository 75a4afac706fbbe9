/** `cli start COMMAND`: a command in a process that has exactly the permissions it needs. */
import { loadConfig, parseFlags } from "../../shared/config/config.ts";
import { appConfigFile } from "../launch/app_config.ts";
import { denoArguments, permissionsOf } from "../launch/command_line.ts";
import { Launched } from "../launch/launched.ts";
import { SignalRelay } from "../launch/signals.ts";
import { type Command, ownFlags } from "../command.ts";
import { EXIT } from "../exit.ts";

/** Starts a command as a child process and passes signals and its exit code on. */
export const start: Command = {
  summary: "start a command with exactly the permissions it needs",
  usage: "COMMAND [ITS FLAGS]",
  details: [
    "Starts the command in a child process with the flags that `permissions COMMAND` prints:",
    "",
    "  deno run -A cli.ts start worker --contracts=./contracts.ts --handlers=./handlers.ts",
  ].join("\n"),
  verbatim: true,
  async run({ rest, peers }) {
    const [name = "", ...args] = rest;
    const command = await peers?.get(name)?.();
    const contracts = command?.role
      ? loadConfig(command.role, { flags: parseFlags(command.role, args, ownFlags(command)).flags })
        .contracts
      : undefined;
    const configFile = appConfigFile(contracts);
    using signals = new SignalRelay();
    const { code, flags } = await permissionsOf(rest, configFile, signals.stopping);
    if (signals.stopping.aborted) return EXIT.done;
    if (code !== 0) return code;
    signals.target = new Launched(denoArguments(flags, configFile, rest));
    return await signals.target.ended;
  },
};
