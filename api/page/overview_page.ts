/** `GET /` for browsers: the overview. */
import { html } from "hono/html";
import type { Registry } from "../../shared/contracts/registry.ts";
import type { TaskRecord } from "../../shared/results/result.ts";
import { formatDuration } from "../../shared/text/duration.ts";
import { LINKS, namesOf } from "../openapi/index_body.ts";
import { anchor } from "../openapi/schema_fields.ts";
import { chart, chartFiles, isBlank, spreadLines, throughputLines } from "./charts/chart.ts";
import { type Point, RANGES } from "./charts/chart_points.ts";
import type { OverviewTasks } from "./overview_tasks.ts";
import { table } from "./tasks/list_page.ts";
import { cardTable, command, factList, taskLink } from "./view/parts.ts";
import type { Markup, View } from "./view/view.ts";

/** Contracts that the page lists; the reference has all. */
const CONTRACTS_SHOWN = 100;

/** Data of the page. */
export interface Overview {
  readonly registry: Registry;
  /** Absent if the reader may not read tasks. */
  readonly tasks?: OverviewTasks;
  /** Points of the charts of the last hour. Absent without `tasks`, or if there are too many to read. */
  readonly points?: readonly Point[];
  readonly now: Date;
  /** A command that submits a task. */
  readonly example: string;
}

/** Draws the page. */
export function overviewPage(view: View, overview: Overview): Markup {
  const { registry, tasks } = overview;
  return html`${tasks ? taskParts(view, tasks, overview) : ""}${contracts(view, registry)}${
    links(view)
  }`;
}

function taskParts(
  view: View,
  shown: OverviewTasks,
  { example, points, now }: Omit<Overview, "tasks">,
): Markup {
  const { overview, tasks } = view.texts;
  const { failed, oldest, running, latest } = shown;
  if (latest.length === 0) {
    return html`<div class="empty"><p>${tasks.empty} ${tasks.emptyCommand}</p>${
      command(example)
    }</div>`;
  }
  return html`<section><h2>${overview.attention}</h2>
${
    failed.length === 0
      ? html`<p>${overview.fine}</p>`
      : html`${errorPart(view, shown)}<h3>${overview.failed}</h3>${table(view, failed)}${
        more(view, "state:failure since:1h")
      }`
  }</section>
${points ? chartPart(view, points) : ""}
<section><h2>${overview.waiting}</h2>
${
    oldest
      ? html`${oldestPart(view, oldest, now)}${more(view, "state:pending")}`
      : html`<p>${overview.none}</p>`
  }</section>
<section><h2>${overview.running}</h2>
${
    running.length === 0
      ? html`<p>${overview.none}</p>`
      : html`${table(view, running)}${more(view, "state:started,progress")}`
  }</section>
<section><h2>${overview.latest}</h2>${table(view, latest)}${more(view, "")}</section>`;
}

/** The most frequent errors, with links to their tasks. */
function errorPart(view: View, { errors = [], counted }: OverviewTasks): Markup {
  const { overview } = view.texts;
  if (errors.length === 0) return html``;
  const rows = errors.map(({ type, count }) => [errorLink(view, type), count]);
  return html`<h3>${overview.errors}</h3>${cardTable([overview.error, overview.count], rows)}${
    counted === undefined ? "" : html`<p class="soft">${overview.counted(counted)}</p>`
  }`;
}

function errorLink(view: View, type: string): Markup {
  // A quote cannot be part of a condition.
  if (type.includes('"')) return html`${type}`;
  const value = /[\s,]/.test(type) ? `"${type}"` : type;
  const q = `state:failure error:${value} since:1h`;
  return html`<a href="${view.path(`/tasks?${new URLSearchParams({ q })}`)}">${type}</a>`;
}

/** Small charts of the last hour. */
function chartPart(view: View, points: readonly Point[]): Markup {
  const { overview, charts } = view.texts;
  const shown = [
    [charts.throughput, throughputLines(view, RANGES["1h"].step)],
    [charts.runs, spreadLines(view, "runs")],
    [charts.waits, spreadLines(view, "waits")],
  ] as const;
  return html`<section><h2>${overview.lastHour}</h2>${
    isBlank(points)
      ? html`<p>${charts.empty}</p>`
      : html`<div class="charts small">${
        shown.map(([title, lines]) => chart(view, { title, lines, points, level: 3 }))
      }</div>${chartFiles(view)}`
  }<p><a href="${view.path("/charts")}">${overview.allCharts}</a></p></section>`;
}

function oldestPart(view: View, { id, name, queue, submittedAt }: TaskRecord, now: Date): Markup {
  const { overview, tasks } = view.texts;
  const age = submittedAt &&
    Math.max(0, Math.floor((now.getTime() - submittedAt.getTime()) / 1000));
  return html`<h3>${overview.oldest}</h3>${
    factList([
      [tasks.name, taskLink(view, id, name ?? id)],
      [tasks.queue, queue ?? "–"],
      [overview.age, age === null ? "–" : formatDuration(age)],
      [tasks.submitted, view.time(submittedAt)],
    ])
  }`;
}

function more(view: View, filter: string): Markup {
  const query = filter === "" ? "" : `?${new URLSearchParams({ q: filter })}`;
  return html`<p><a href="${view.path(`/tasks${query}`)}">${view.texts.task.back}</a></p>`;
}

function contracts(view: View, registry: Registry): Markup {
  const { overview } = view.texts;
  const names = namesOf(registry);
  const rest = names.length - CONTRACTS_SHOWN;
  return html`<section><h2>${overview.contracts}</h2><ul>${
    names.slice(0, CONTRACTS_SHOWN).map((name) => {
      const { summary } = registry.get(name) ?? {};
      return html`<li><a href="${view.path(`/docs#${anchor(`submit.${name}`)}`)}">${name}</a>${
        summary
          ? html`
            <span class="soft">${summary}</span>
          `
          : ""
      }</li>`;
    })
  }</ul>${rest > 0 ? html`<p>${overview.more(rest)}</p>` : ""}</section>`;
}

function links(view: View): Markup {
  return html`
    <section>
      <h2>${view.texts.overview.links}</h2>
      <ul>${Object.entries(LINKS).map(([path, text]) =>
        html`<li><a href="${
          view.path(path)
        }">${path}</a> <span class="soft" lang="en">${text}</span></li>`
      )}</ul>
    </section>
  `;
}
