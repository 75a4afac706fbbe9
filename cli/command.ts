/** What a command is. */
import type { Config, Role } from "../shared/config/settings.ts";

/** What a command gets. */
export interface Given {
  /** Settings of the command's role. */
  readonly config: Config | undefined;
  /** The command's own flags. */
  readonly own: Readonly<Record<string, string>>;
  /** Everything that is no flag. */
  readonly rest: readonly string[];
  /** The arguments as they were given, for a command that starts itself again. */
  readonly args: readonly string[];
  /** All commands, for one that describes others. */
  readonly peers?: ReadonlyMap<string, () => Promise<Command>>;
}

/** One command. */
export interface Command {
  readonly summary: string;
  /** What follows the command's name, such as `NAME [KEY=VALUE ...]`. */
  readonly usage?: string;
  /** Longer help. */
  readonly details?: string;
  /** Whose settings it takes. */
  readonly role?: Role;
  /** Flags that are no settings. */
  readonly flags?: Readonly<Record<string, { value?: string; help: string }>>;
  /** Its arguments reach it as they are, in `rest`: they are those of another command. */
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
