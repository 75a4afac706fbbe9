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
  /** All commands, for help. */
  readonly peers?: ReadonlyMap<string, () => Promise<Command>>;
}

/** One command. */
export interface Command {
  readonly summary: string;
  /** Arguments after the command's name, such as `NAME [KEY=VALUE ...]`. */
  readonly usage?: string;
  /** Longer help. */
  readonly details?: string;
  /** The role whose settings it accepts. */
  readonly role?: Role;
  /** Flags that are not settings. */
  readonly flags?: Readonly<Record<string, { value?: string; help: string }>>;
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
