/** Formats `--help`. */
import { flagOf, settingsOf } from "../shared/config/settings.ts";
import type { Command } from "./command.ts";
import { SUMMARIES } from "./commands.ts";

/** All commands, a line each. */
export function overview(): string {
  const rows = [...SUMMARIES].map(([name, summary]) => `  ${name.padEnd(12)} ${summary}`);
  return [
    "celeriac: a task queue on Deno, compatible with Celery",
    "",
    "usage: deno task cli COMMAND [FLAGS]",
    "",
    ...rows,
    "",
    "deno task cli COMMAND --help describes one command.",
  ]
    .join("\n");
}

/** One command: usage, flags, settings with their variables and defaults. */
export function help(name: string, command: Command): string {
  const lines = [
    `${name}: ${command.summary}`,
    "",
    `usage: deno task cli ${name} ${command.usage ?? "[FLAGS]"}`,
  ];
  if (command.details) lines.push("", command.details);
  const own = Object.entries(command.flags ?? {});
  if (own.length) {
    lines.push("", "flags:");
    for (const [flag, { value, help }] of own) {
      lines.push(row(`--${flag}${value ? `=${value}` : ""}`, help));
    }
  }
  const settings = command.role ? settingsOf(command.role) : [];
  if (settings.length) {
    lines.push("", "settings (a flag overrides its environment variable; durations in seconds):");
    for (const [key, setting] of settings) {
      const flag = `--${flagOf(key)}${setting.value ? `=${setting.value}` : ""}`;
      const variable = setting.variableOnly ? "variable only" : setting.env;
      const name = setting.variableOnly ? setting.env : flag;
      lines.push(row(name, `${setting.help} [${variable}; ${defaultOf(setting)}]`));
    }
  }
  return lines.join("\n");
}

/** The default of a setting as `--help` and the documentation show it. */
export function defaultOf(
  setting: { defaultText?: string; schema: { safeParse(value: unknown): { data?: unknown } } },
): string {
  if (setting.defaultText) return setting.defaultText;
  const value = setting.schema.safeParse(undefined).data;
  if (Array.isArray(value)) return value.join(",") || "none";
  return value === false ? "off" : value === true ? "on" : String(value);
}

function row(left: string, right: string): string {
  return `  ${left.padEnd(28)} ${right}`;
}
