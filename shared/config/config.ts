/** Reads environment and flags into a frozen {@linkcode Config}. Only entry points call it. */
import { ConfigurationError } from "../errors.ts";
import { unreadable } from "./secret_file.ts";
import { closest } from "../text/closest.ts";
import {
  type Config,
  flagOf,
  type Role,
  type Setting,
  type SettingKey,
  SETTINGS,
} from "./settings.ts";

/** Sources of values. */
export interface Sources {
  /** Flags by setting. They take precedence over the environment. */
  readonly flags: Partial<Record<SettingKey, string>>;
  /** Reads an environment variable. Default: the process's own. */
  readonly env?: (name: string) => string | undefined;
  /** Reads a file named by a `_FILE` variable. Default: the file system. */
  readonly readFile?: (path: string) => string;
}

/** Parses and validates all settings of a role.
 *
 * Settings of other roles get their defaults, so that an invalid one cannot stop this role.
 *
 * @throws {ConfigurationError} with the flag or variable, the mistake and the allowed values
 */
export function loadConfig(role: Role, sources: Sources): Config {
  const config: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(SETTINGS) as [SettingKey, Setting][]) {
    config[key] = setting.roles.includes(role)
      ? loadSetting(key, sources)
      : setting.schema.parse(undefined);
  }
  return Object.freeze(config) as Config;
}

/** Parses and validates one setting, independent of the others.
 *
 * @throws {ConfigurationError} with the flag or variable, the mistake and the allowed values
 * @throws {SecretMissing} when the file of a `_FILE` variable does not exist */
export function loadSetting<Key extends SettingKey>(key: Key, sources: Sources): Config[Key] {
  const setting: Setting = SETTINGS[key];
  const given = lookUp(key, setting, sources);
  const parsed = setting.schema.safeParse(given?.value);
  if (parsed.success) return parsed.data as Config[Key];
  const shown = setting.secret ? "the value" : `'${given?.value}'`;
  const why = parsed.error.issues[0]?.message ?? "it is not valid: correct it";
  throw new ConfigurationError(
    `Cannot use ${shown} of ${given?.from} because ${why} (${setting.help})`,
  );
}

function lookUp(
  key: SettingKey,
  setting: Setting,
  {
    flags,
    env = (name) => Deno.env.get(name),
    readFile = (path) => Deno.readTextFileSync(path),
  }: Sources,
): { value: string; from: string } | undefined {
  const fromFlag = flags[key];
  if (fromFlag !== undefined) return { value: fromFlag, from: `--${flagOf(key)}` };
  const fromEnv = env(setting.env);
  if (fromEnv !== undefined && fromEnv !== "") return { value: fromEnv, from: setting.env };
  const file = setting.secret ? env(`${setting.env}_FILE`) : undefined;
  if (!file) return undefined;
  try {
    return { value: readFile(file).trim(), from: `the file named by ${setting.env}_FILE` };
  } catch (cause) {
    throw unreadable(file, setting.env, cause);
  }
}

/** Parses the flags of a command line for a role.
 *
 * @param extra flags of the command itself, without the dashes; `true` for one with a value
 * @returns the given settings, the command's own flags, and the remaining arguments
 * @throws {ConfigurationError} for an unknown flag, with the nearest known one
 *
 * @example
 * ```ts
 * import { parseFlags } from "./config.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(parseFlags("api", ["--port", "0"]).flags, { port: "0" });
 * assertThrows(() => parseFlags("api", ["--prot=0"]), Error, "did you mean --port");
 * ```
 */
export function parseFlags(
  role: Role | undefined,
  args: readonly string[],
  extra: Readonly<Record<string, boolean>> = {},
): { flags: Partial<Record<SettingKey, string>>; own: Record<string, string>; rest: string[] } {
  const known = new Map<string, { key?: SettingKey; takesValue: boolean }>();
  for (const [key, setting] of Object.entries(SETTINGS) as [SettingKey, Setting][]) {
    if (role && setting.roles.includes(role) && !setting.variableOnly) {
      known.set(flagOf(key), { key, takesValue: setting.value !== undefined });
    }
  }
  for (const [name, takesValue] of Object.entries(extra)) known.set(name, { takesValue });

  const flags: Partial<Record<SettingKey, string>> = {};
  const own: Record<string, string> = {};
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      rest.push(...args.slice(i + 1));
      break;
    }
    if (/^-[A-Za-z]/.test(arg)) {
      throw new ConfigurationError(
        `Cannot use '${arg}' because flags begin with two dashes: see --help`,
      );
    }
    if (!arg.startsWith("--")) {
      rest.push(arg);
      continue;
    }
    const [name = "", ...joined] = arg.slice(2).split("=");
    const flag = known.get(name);
    if (!flag) throw unknownFlag(name, known.keys());
    let value = joined.length ? joined.join("=") : undefined;
    if (value === undefined) {
      if (flag.takesValue) {
        value = args[++i];
        if (value === undefined || value.startsWith("--")) {
          throw new ConfigurationError(
            `Cannot use flag --${name} because its value is missing: give --${name}=VALUE`,
          );
        }
      } else value = "1";
    }
    if (flag.key) flags[flag.key] = value;
    else own[name] = value;
  }
  return { flags, own, rest };
}

function unknownFlag(name: string, known: Iterable<string>): ConfigurationError {
  const near = closest(name, known);
  if (near) {
    return new ConfigurationError(
      `Cannot use flag --${name} because this command has no such flag: did you mean --${near}?`,
    );
  }
  const other = (Object.entries(SETTINGS) as [SettingKey, Setting][])
    .find(([key]) => flagOf(key) === name);
  if (other?.[1].variableOnly) {
    return new ConfigurationError(
      `Cannot use flag --${name} because this setting has no flag: set ${other[1].env}`,
    );
  }
  return new ConfigurationError(
    other
      ? `Cannot use flag --${name} because it belongs to other commands (${
        other[1].roles.join(", ")
      }): leave it out`
      : `Cannot use flag --${name} because this command has no such flag: see --help`,
  );
}
