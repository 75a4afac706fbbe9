/** `GET /charts`: throughput, failures, run times, waits and depths of queues over time. */
import { html, raw } from "hono/html";
import type { Markup, View } from "../view/view.ts";
import {
  chart,
  chartFiles,
  isBlank,
  type Line,
  perMinute,
  spreadLines,
  throughputLines,
} from "./chart.ts";
import { type Points, type Range, RANGES } from "./chart_points.ts";

/** Data of the page. */
export interface ChartData extends Points {
  readonly range: Range;
  readonly task: string;
  readonly queue: string;
}

/** Draws the page. The script draws what the tables contain. */
export function chartPage(view: View, data: ChartData): Markup {
  const { charts } = view.texts;
  const { points } = data;
  const { step } = RANGES[data.range];
  const depths = data.deepest.map((queue): Line => ({
    title: queue,
    value: ({ depths }) => depths?.get(queue) ?? null,
  }));
  const failures: Line[] = [
    { title: charts.rejected, value: perMinute(step, (one) => one.rejected) },
    { title: charts.retried, value: perMinute(step, (one) => one.retried) },
    { title: charts.failed, value: perMinute(step, (one) => one.failed) },
  ];
  const shown: (readonly [title: string, lines: readonly Line[]])[] = [
    [charts.throughput, throughputLines(view, step)],
    [charts.failures, failures],
    [charts.runs, spreadLines(view, "runs")],
    [charts.waits, spreadLines(view, "waits")],
    ...(depths.length > 0 ? [[charts.depth, depths] as const] : []),
  ];
  return html`
    ${form(view, data)}
    ${isBlank(points) ? html`<p>${charts.empty}</p>` : html`
      <div class="charts">${shown.map(([title, lines]) =>
        chart(view, { title, lines, points })
      )}</div>
      ${chartFiles(view)}
    `}
  `;
}

function form(view: View, { range, task, queue }: ChartData): Markup {
  const { charts } = view.texts;
  return html`
    <form class="fields" method="get" action="${view.path("/charts")}">
      <label>${charts.range}
        <select name="range">${(Object.keys(RANGES) as Range[]).map((one) =>
          html`
            <option value="${one}" ${raw(one === range ? " selected" : "")}>${charts
              .ranges[one]}</option>
          `
        )}</select></label>
      <label>${charts.task} <input name="task" value="${task}"></label>
      <label>${charts.queue} <input name="queue" value="${queue}"></label>
      <button class="primary">${charts.show}</button>
    </form>
  `;
}
