/** The commands as completions need them. */
import { z } from "zod";
import { flagOf, settingsOf } from "../../shared/config/settings.ts";
import type { Command } from "../command.ts";

/** A flag. */
export interface CompletedFlag {
  /** Without dashes. */
  readonly name: string;
  readonly help: string;
  /** Whether a value follows. */
  readonly takesValue: boolean;
  /** All values, if they are fixed. */
  readonly values: readonly string[];
}

/** A command. */
export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  /** Words that may follow the name. */
  readonly words: readonly string[];
  readonly flags: readonly CompletedFlag[];
}

/** Reads what completions offer from the table of commands. */
export async function commandTable(
  commands: ReadonlyMap<string, () => Promise<Command>>,
): Promise<CompletedCommand[]> {
  const loaded = [...commands].map(async ([name, load]) => describe(name, await load()));
  return await Promise.all(loaded);
}

function describe(name: string, command: Command): CompletedCommand {
  const own = Object.entries(command.flags ?? {}).map(([flag, { value, help, values = [] }]) => ({
    name: flag,
    help: firstLine(help),
    takesValue: value !== undefined,
    values,
  }));
  const settings = (command.role ? settingsOf(command.role) : [])
    .filter(([, setting]) => !setting.variableOnly)
    .map(([key, setting]) => ({
      name: flagOf(key),
      help: firstLine(setting.help),
      takesValue: setting.value !== undefined,
      values: valuesOf(setting.schema),
    }));
  return {
    name,
    summary: command.summary,
    words: command.words ?? [],
    flags: [...own, ...settings, {
      name: "help",
      help: "describe the command",
      takesValue: false,
      values: [],
    }],
  };
}

/** The words of a setting that is one of several. */
function valuesOf(schema: z.ZodType): readonly string[] {
  if (schema instanceof z.ZodDefault) return valuesOf(schema.unwrap() as z.ZodType);
  return schema instanceof z.ZodEnum ? schema.options.map(String) : [];
}

function firstLine(help: string): string {
  return help.split("\n")[0]!;
}
