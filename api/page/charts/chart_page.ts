/** `GET /charts`: throughput, failures, run times, waits and depths of queues over time. */
import { html, raw } from "hono/html";
import { quantile } from "../../../shared/series/histogram.ts";
import type { SeriesCounts } from "../../../shared/series/series_store.ts";
import { ASSETS } from "../assets/embedded.ts";
import type { Markup, View } from "../view/view.ts";

/** Seconds of each time range, and of its steps. */
export const RANGES = {
  "1h": { seconds: 3600, step: 60 },
  "6h": { seconds: 6 * 3600, step: 300 },
  "24h": { seconds: 24 * 3600, step: 1200 },
  "72h": { seconds: 72 * 3600, step: 3600 },
} as const;

/** A time range. */
export type Range = keyof typeof RANGES;

/** Counts of the step that begins at `at`; absent if no task ended. */
export interface Point {
  readonly at: Date;
  readonly counts?: SeriesCounts;
  /** Messages by queue; absent if nothing was counted. */
  readonly depths?: ReadonlyMap<string, number>;
}

/** Data of the page. */
export interface ChartData {
  readonly range: Range;
  readonly task: string;
  readonly queue: string;
  readonly points: readonly Point[];
  /** The deepest queues, which get a line each. None for one task, whose messages are not counted. */
  readonly deepest: readonly string[];
}

/** A line of a chart. `null`: a gap. */
interface Line {
  readonly title: string;
  readonly value: (point: Point) => number | null;
}

/** Draws the page. The script draws what the tables contain. */
export function chartPage(view: View, data: ChartData): Markup {
  const { charts } = view.texts;
  const perMinute = (read: (counts: SeriesCounts) => number) => ({ counts }: Point) =>
    counts ? rounded(read(counts) * 60 / RANGES[data.range].step) : 0;
  const share = (kind: "runs" | "waits", portion: number) => ({ counts }: Point) => {
    const seconds = counts ? quantile(counts[kind], portion) : null;
    return seconds === null ? null : rounded(seconds);
  };
  const spread = (kind: "runs" | "waits"): Line[] => [
    { title: charts.median, value: share(kind, 0.5) },
    { title: charts.slow, value: share(kind, 0.95) },
  ];
  const isEmpty = data.points.every(({ counts, depths }) => !counts && !depths);
  const depths = data.deepest.map((queue): Line => ({
    title: queue,
    value: ({ depths }) => depths?.get(queue) ?? null,
  }));
  return html`
    ${form(view, data)}
    ${isEmpty ? html`<p>${charts.empty}</p>` : html`
      <div class="charts">
      ${chart(view, data, charts.throughput, [
        { title: charts.succeeded, value: perMinute((one) => one.succeeded) },
        {
          title: charts.ended,
          value: perMinute((one) => one.succeeded + one.failed + one.revoked),
        },
      ])}
      ${chart(view, data, charts.failures, [
        { title: charts.rejected, value: perMinute((one) => one.rejected) },
        { title: charts.retried, value: perMinute((one) => one.retried) },
        { title: charts.failed, value: perMinute((one) => one.failed) },
      ])}
      ${chart(view, data, charts.runs, spread("runs"))}
      ${chart(view, data, charts.waits, spread("waits"))}
      ${depths.length > 0 ? chart(view, data, charts.depth, depths) : ""}
        </div>
      <link rel="stylesheet" href="${view.path(`/assets/${ASSETS.chartsStyle.file}`)}">
      <script defer src="${view.path(`/assets/${ASSETS.uplot.file}`)}"></script>
      <script type="module" src="${view.path(`/assets/${ASSETS.charts.file}`)}"></script>
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

function chart(view: View, { points }: ChartData, title: string, lines: readonly Line[]): Markup {
  const { charts } = view.texts;
  return html`
    <figure class="chart">
      <figcaption>
        <h2>${title}</h2>
        <ul class="legend">${lines.map((line) => html`<li>${line.title}</li>`)}</ul>
      </figcaption>
      <div class="plot" data-zone="${view.zone}" aria-hidden="true"></div>
      <details>
        <summary>${charts.table}</summary>
        <div class="rows" tabindex="0" role="region" aria-label="${title}">
          <table>
            <thead>
              <tr><th scope="col">${charts.time}</th>${lines.map((line) =>
                html`<th scope="col">${line.title}</th>`
              )}</tr>
            </thead>
            <tbody>${points.map((point) =>
              html`<tr><td>${view.time(point.at)}</td>${
                lines.map(({ value }) => {
                  const shown = value(point);
                  return html`<td data-value="${shown ?? ""}">${shown ?? "–"}</td>`;
                })
              }</tr>`
            )}</tbody>
          </table>
        </div>
      </details>
    </figure>
  `;
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
