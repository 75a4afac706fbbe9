/** Files that are generated and checked in: `deno task generate` writes them, a test compares them.
 *
 * @module
 */
import { PROBLEMS } from "../api/http/problem.ts";
import { formatDefinitions } from "./rabbitmq/document.ts";
import { templateDefinitions } from "./rabbitmq/render.ts";
import { egressPolicy } from "./manifest.ts";
import { Registry } from "../shared/contracts/registry.ts";
import { flagOf, type Setting, type SettingKey, SETTINGS } from "../shared/config/settings.ts";
import * as contracts from "../shared/tasks/mod.ts";
import { topology } from "../shared/broker/topology.ts";
import { eventsSvg } from "./generate/events.ts";
import { lifecycleSvg } from "./generate/lifecycle.ts";
import { defaultOf } from "./help.ts";

/** Path and text of each generated file.
 *
 * @param read gives a file's present text, for those that are generated in part */
export function generated(read: (path: string) => string): Map<string, string> {
  const sample = Registry.fromModule(contracts, "the sample app");
  const withPart = (page: string, part: string, text: string): [string, string] => {
    const [begin, end] = [`<!-- ${part}: generated -->`, `<!-- /${part} -->`];
    const [before = "", rest = ""] = read(page).split(begin);
    return [page, `${before}${begin}\n\n${text}\n\n${end}${rest.split(end)[1] ?? ""}`];
  };
  return new Map([
    [
      "infra/rabbitmq-definitions.json",
      formatDefinitions(templateDefinitions({ topology: topology(sample.queues) })),
    ],
    ["infra/k8s/base/worker-tasks.json", `${JSON.stringify(egressPolicy(sample), null, 2)}\n`],
    ["docs/learn/events.svg", eventsSvg()],
    ["docs/learn/lifecycle.svg", lifecycleSvg()],
    withPart("docs/reference/configuration.md", "settings", settingsTable()),
    withPart("docs/call/errors.md", "kinds", problemsTable()),
  ]);
}

/** Padded as `deno fmt` pads tables. */
function problemsTable(): string {
  const rows = Object.entries(PROBLEMS).map(([kind, { status, title }]) => [
    `\`/problems/${kind}\``,
    String(status),
    title,
  ]);
  const table = [["`type`", "status", "title"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = [table[0]!, widths.map((width) => "-".repeat(width)), ...rows];
  return lines.map((row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`
  ).join("\n");
}

function settingsTable(): string {
  const rows = (Object.entries(SETTINGS) as [SettingKey, Setting][]).map(([key, setting]) => {
    const env = setting.secret
      ? `\`${setting.env}\`, \`${setting.env}_FILE\``
      : `\`${setting.env}\``;
    const flag = setting.variableOnly ? "none" : `\`--${flagOf(key)}\``;
    return `| ${env} | ${flag} | ${setting.roles.join(", ")} | ${
      defaultOf(setting)
    } | ${setting.help} |`;
  });
  return ["| variable | flag | commands | default | meaning |", "|---|---|---|---|---|", ...rows]
    .join("\n");
}

if (import.meta.main) {
  const root = new URL("../", import.meta.url);
  const files = generated((path) => Deno.readTextFileSync(new URL(path, root)));
  for (const [path, text] of files) Deno.writeTextFileSync(new URL(path, root), text);
}
