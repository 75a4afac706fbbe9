/** The tables of a run: for the terminal and for docs/why/performance.md.
 * @module
 */
import type { BenchDocument } from "../kit/document.ts";
import type { Failure, Figure } from "../kit/figures.ts";
import { formatAmount, formatRange } from "./amounts.ts";
import { markdownTable } from "./markdown_table.ts";
import { compareTargets } from "./targets.ts";

/** A measurement as the report needs it. */
export interface Described {
  readonly name: string;
  readonly title: string;
  readonly method: string;
}

/** Figures of single parts: they have tables of their own. */
const OF_A_PART = /^CPU of the (.+)$/;

/** Memory of single parts: only in the JSON document. */
const MEMORY_OF_A_PART = /^memory of the (client|api|worker|broker|database)$/;

/** Returns all tables as Markdown, headings of level 3 included: the machine, the targets, and one section for each measurement. */
export function figureTables(document: BenchDocument, measurements: readonly Described[]): string {
  const sections = measurements.flatMap((measurement) => {
    const own = ({ measurement: name }: Pick<Figure, "measurement">) => name === measurement.name;
    const figures = document.figures.filter(own);
    const failures = document.failures.filter(own);
    return figures.length + failures.length === 0 ? [] : [section(measurement, figures, failures)];
  });
  return [describeRun(document), ...targetSection(document.figures), ...sections].join("\n\n");
}

function describeRun(
  { machine, releases, peers, options, rounds, date, commit, replaced = [] }: BenchDocument,
): string {
  const names = Object.entries(peers).filter(([name]) => name !== "ioredis");
  const measuredPeers = names.length === 0
    ? ""
    : ` Peers: ${names.map(([name, release]) => `${name} ${release}`).join(", ")}, Celery 5.7.`;
  return `Commit ${commit} on ${
    date.slice(0, 10)
  }, ${machine.cores} cores (${machine.processor}), ` +
    `which also ran the load and all servers. Deno ${machine.deno}, Postgres ${releases.postgres} ` +
    `with fsync and full_page_writes on, RabbitMQ ${releases.rabbitmq} with quorum queues. ` +
    `A synced write of 8 KiB takes ${formatAmount(machine.fsyncMs.p50)} ms (p99 ` +
    `${formatAmount(machine.fsyncMs.p99)} ms).${measuredPeers} Medians of ${rounds} ` +
    `interleaved rounds, with the range in parentheses.${
      options.largeRounds < rounds
        ? ` The events, the lists and the large backlogs ran in ${options.largeRounds}.`
        : ""
    }${
      replaced.map(({ commit, measurements }) =>
        ` Measured again at commit ${commit}: ${measurements.join(", ")}.`
      ).join("")
    }`;
}

function targetSection(figures: readonly Figure[]): string[] {
  const results = compareTargets(figures);
  if (results.length === 0) return [];
  const rows = results.map(({ what, reached, floor = "", target, met }) => [
    what,
    reached,
    floor,
    target,
    met ? "reached" : "MISSED",
  ]);
  return [`### Targets\n\n${markdownTable(["target", "measured", "floor", "limit", ""], rows)}`];
}

function section(
  { title, method }: Described,
  figures: readonly Figure[],
  failures: readonly Failure[],
): string {
  const shown = figures.filter(({ figure }) =>
    !OF_A_PART.test(figure) && !MEMORY_OF_A_PART.test(figure)
  );
  const systems = new Set([...figures, ...failures].map(({ system }) => system));
  const tables = [
    systems.size === 1 && figures.length > 0 ? tableOfOne(shown) : tableOfMany(shown, failures),
    ...failures.map(describeFailure),
    ...partTable(figures),
  ];
  return [`### ${title}`, ...tables, method].join("\n\n");
}

/** One system: a row for each figure. */
function tableOfOne(figures: readonly Figure[]): string {
  const [first] = figures;
  const rows = figures.map((one) => [one.figure, `${formatRange(one)} ${one.unit}`]);
  return `${
    markdownTable([first?.system ?? "", "measured"], rows)
  }\n\nDurability: ${first?.durability}.`;
}

function describeFailure({ system, failed, rounds, reason }: Failure): string {
  return `**${system} failed in ${failed} of ${rounds} rounds.** Its first error: \`${
    reason.replaceAll("`", "'")
  }\``;
}

/** Many systems: a row for each, also for those without a figure. */
function tableOfMany(figures: readonly Figure[], failures: readonly Failure[]): string {
  const columns = new Map(figures.map(({ figure, unit }) => [figure, `${figure}, ${unit}`]));
  const rows = [...Map.groupBy(figures, ({ system }) => system)].map(([system, own]) => [
    system,
    ...[...columns.keys()].map((column) => {
      const found = own.find(({ figure }) => figure === column);
      return found ? formatRange(found) : "";
    }),
    own[0]?.durability ?? "",
  ]);
  const missing = failures.filter(({ system }) => figures.every((one) => one.system !== system));
  rows.push(...missing.map(({ system, durability }) => [
    system,
    "failed",
    ...[...columns.keys()].slice(1).map(() => ""),
    durability,
  ]));
  const values = columns.size === 0 ? ["measured"] : columns.values();
  return markdownTable(["system", ...values, "durability"], rows);
}

/** CPU seconds per 1,000 tasks by part, if there are any. */
function partTable(figures: readonly Figure[]): string[] {
  const ofParts = figures.filter(({ figure }) => OF_A_PART.test(figure));
  if (ofParts.length === 0) return [];
  const parts = [...new Set(ofParts.map(({ figure }) => OF_A_PART.exec(figure)?.[1] ?? ""))];
  const rows = [...Map.groupBy(ofParts, ({ system }) => system)].map(([system, own]) => [
    system,
    ...parts.map((part) => {
      const found = own.find(({ figure }) => figure === `CPU of the ${part}`);
      return found ? formatAmount(found.median) : "";
    }),
  ]);
  return [
    `CPU seconds per 1,000 tasks, by process:\n\n${markdownTable(["system", ...parts], rows)}`,
  ];
}
