/** The interface of a command. */
import type { Config, Role } from "../shared/config/settings.ts";

/** Input of a command. */
export interface Given {
  /** Settings of the command's role. */
  readonly config: Config | undefined;
  /** The command's own flags. */
  readonly own: Readonly<Record<string, string>>;
  /** Arguments that are not flags. */
  readonly rest: readonly string[];
  /** The original arguments, for a command that restarts itself. */
  readonly args: readonly string[];
  /** All commands, for commands about others. */
  readonly peers?: ReadonlyMap<string, () => Promise<Command>>;
}

/** A flag that is not a setting. */
export interface CommandFlag {
  /** Name of its value in `--help`; a flag without one takes no value. */
  readonly value?: string;
  /** All values, if they are fixed, for completions. */
  readonly values?: readonly string[];
  readonly help: string;
}

/** One command. */
export interface Command {
  readonly summary: string;
  /** Arguments after the command's name, such as `NAME [KEY=VALUE ...]`. */
  readonly usage?: string;
  /** Words that may follow the name, such as subcommands, for completions. */
  readonly words?: readonly string[];
  /** Longer help. */
  readonly details?: string;
  /** The role whose settings it accepts. */
  readonly role?: Role;
  /** Flags that are not settings. */
  readonly flags?: Readonly<Record<string, CommandFlag>>;
  /** Passes its arguments unparsed in `rest`, because they belong to another command. */
  readonly verbatim?: true;
  /** @returns the exit code */
  run(given: Given): Promise<number>;
}

/** The settings of a command that has a role. */
export function configOf({ config }: Given): Config {
  if (!config) throw new TypeError("a command without a role has no settings");
  return config;
}

/** The command's own flags, and whether each takes a value. */
export function ownFlags({ flags = {} }: Command): Record<string, boolean> {
  return Object.fromEntries(
    Object.entries(flags).map(([name, { value }]) => [name, value !== undefined]),
  );
}
