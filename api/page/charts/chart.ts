/** A chart: a table, which the script draws. */
import { html } from "hono/html";
import { quantile } from "../../../shared/series/histogram.ts";
import type { SeriesCounts } from "../../../shared/series/series_store.ts";
import { ASSETS } from "../assets/embedded.ts";
import type { Markup, View } from "../view/view.ts";
import type { Point } from "./chart_points.ts";

/** A line of a chart. `null`: a gap. */
export interface Line {
  readonly title: string;
  readonly value: (point: Point) => number | null;
}

/** What a chart shows. */
export interface Chart {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly points: readonly Point[];
  /** Level of its heading. Default 2. */
  readonly level?: 2 | 3;
}

/** Whether there is nothing to draw. */
export function isBlank(points: readonly Point[]): boolean {
  return points.every(({ counts, depths }) => !counts && !depths);
}

/** Lines of ended tasks per minute.
 *
 * @param step seconds of a point */
export function throughputLines({ texts: { charts } }: View, step: number): Line[] {
  return [
    { title: charts.succeeded, value: perMinute(step, (one) => one.succeeded) },
    {
      title: charts.ended,
      value: perMinute(step, (one) => one.succeeded + one.failed + one.revoked),
    },
  ];
}

/** Lines of a time in seconds: its median, and the time below which 95 % are. */
export function spreadLines({ texts: { charts } }: View, kind: "runs" | "waits"): Line[] {
  const share = (portion: number) => ({ counts }: Point) => {
    const seconds = counts ? quantile(counts[kind], portion) : null;
    return seconds === null ? null : rounded(seconds);
  };
  return [
    { title: charts.median, value: share(0.5) },
    { title: charts.slow, value: share(0.95) },
  ];
}

/** The value of a line: a count per minute.
 *
 * @param step seconds of a point */
export function perMinute(step: number, read: (counts: SeriesCounts) => number): Line["value"] {
  return ({ counts }) => counts ? rounded(read(counts) * 60 / step) : 0;
}

/** Draws a chart. The page needs {@linkcode chartFiles}, once. */
export function chart(view: View, { title, lines, points, level = 2 }: Chart): Markup {
  const { charts } = view.texts;
  return html`
    <figure class="chart">
      <figcaption>
        ${level === 2 ? html`<h2>${title}</h2>` : html`<h3>${title}</h3>`}
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

/** The script and the style of charts. */
export function chartFiles(view: View): Markup {
  const path = (name: "chartsStyle" | "uplot" | "charts") =>
    view.path(`/assets/${ASSETS[name].file}`);
  return html`
    <link rel="stylesheet" href="${path("chartsStyle")}">
    <script defer src="${path("uplot")}"></script>
    <script type="module" src="${path("charts")}"></script>
  `;
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
