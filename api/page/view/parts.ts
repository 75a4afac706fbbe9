/** Small parts that several pages use. */
import { html } from "hono/html";
import { formatDuration } from "../../../shared/text/duration.ts";
import type { State, TaskRecord } from "../../../shared/results/result.ts";
import type { Texts } from "../texts/english.ts";
import type { Markup, View } from "./view.ts";

/** The state of a task, as a word with a colour. */
export function stateBadge({ texts }: View, state: State): Markup {
  return html`<span class="state" data-state="${state}" title="${state}">${
    texts.states[state]
  }</span>`;
}

/** The link to a task. */
export function taskLink(view: View, id: string, text: string = id): Markup {
  return html`<a href="${view.path(`/tasks/${encodeURIComponent(id)}`)}">${text}</a>`;
}

/** Characters of an id that stay visible where it is shortened. */
const ID_END = 12;

/** An id in a table, on one line. Where there is little room, its beginning is shortened. */
export function idCell(id: string): Markup {
  return html`<code class="id" title="${id}"><span>${id.slice(0, -ID_END)}</span><span>${
    id.slice(-ID_END)
  }</span></code>`;
}

/** Duration of the last attempt; a dash while there is none. */
export function durationOf({ startedAt, finishedAt }: TaskRecord): string {
  if (startedAt === null || finishedAt === null) return "–";
  return formatDuration(Math.max(0, finishedAt.getTime() - startedAt.getTime()) / 1000);
}

/** What a cell of a table shows. */
export type Cell = Markup | string | number;

/** A table whose rows the keys `j` and `k` select. On a phone its rows become cards, whose cells show their titles. */
export function cardTable(titles: readonly string[], rows: readonly (readonly Cell[])[]): Markup {
  return html`
    <table class="cards">
      <thead>
        <tr>${titles.map((title) => html`<th scope="col">${title}</th>`)}</tr>
      </thead>
      <tbody>${rows.map((cells) =>
        html`<tr data-row>${
          cells.map((cell, index) => html`<td data-title="${titles[index]}">${cell}</td>`)
        }</tr>`
      )}</tbody>
    </table>
  `;
}

/** Facts about one thing, as a list of titles and values. */
export function factList(facts: readonly (readonly [title: string, value: Cell])[]): Markup {
  return html`<dl class="facts">${
    facts.map(([title, value]) =>
      html`
        <div>
          <dt>${title}</dt>
          <dd>${value}</dd>
        </div>
      `
    )
  }</dl>`;
}

/** The link to the next page of a list, if there is one.
 *
 * @param query of this page */
export function nextLink(
  view: View,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  next: string | null,
): Markup {
  if (next === null) return html``;
  return html`<p><a rel="next" href="${
    hrefOf(view, path, { ...query, cursor: next })
  }">${view.texts.older}</a></p>`;
}

/** A path with a query; parameters without a value are left out. */
export function hrefOf(
  view: View,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): string {
  const given = Object.entries(query).flatMap(([name, value]) => value ? [[name, value]] : []);
  return view.path(given.length > 0 ? `${path}?${new URLSearchParams(given)}` : path);
}

/** The way back from one thing to the list of all. */
export function backLink(view: View, path: string, text: string): Markup {
  return html`<p class="back"><a href="${view.path(path)}">${text}</a></p>`;
}

/** A command to paste. */
export function command(text: string): Markup {
  return html`<pre class="command" tabindex="0"><code>${text}</code></pre>`;
}

/** A notice after an action, by its key in the URL. An unknown key has none. */
export function notice({ texts }: View, done: string | undefined): Markup {
  if (done === undefined || !Object.hasOwn(texts.done, done)) return html``;
  return html`<p class="notice" role="status">${texts.done[done as keyof Texts["done"]]}</p>`;
}

/** An action of a page. */
export interface Action {
  /** Path of the form. */
  readonly path: string;
  readonly title: string;
  /** What happens. */
  readonly warning: string;
  readonly confirm: string;
  /** Key that opens it. */
  readonly key?: string;
  /** Whether data or work is lost. */
  readonly isDangerous?: boolean;
  /** Hidden fields of the form. Default none. */
  readonly fields?: Readonly<Record<string, string | undefined>>;
  /** Fields that the reader fills in. Default none. */
  readonly inputs?: Markup;
  /** Distinguishes actions of one path on a page. Default: the path. */
  readonly id?: string;
}

/** A button with a confirmation, which works without a script. */
export function actionForm(view: View, action: Action): Markup {
  const { path, title, warning, confirm, key = "", isDangerous = false, fields = {} } = action;
  const { inputs = "", id = path } = action;
  const given = Object.entries(fields).filter(([, value]) => value);
  // The id keeps a live update from turning one action into another one under the pointer.
  return html`
    <details class="action${isDangerous ? " danger" : ""}" name="action" id="action${id
      .replaceAll(/[^\w]+/g, "-")}">
      <summary data-key="${key}">${title}</summary>
      <form method="post" action="${view.path(path)}">
        <p>${warning}</p>
      ${given.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
      ${inputs}
        <button class="${isDangerous ? "danger" : "primary"}">${confirm}</button>
      </form>
    </details>
  `;
}
