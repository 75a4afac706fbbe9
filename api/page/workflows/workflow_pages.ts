/** Draws the list of workflows and one workflow. */
import { html, raw } from "hono/html";
import { isFinal } from "../../../shared/results/result.ts";
import type { WorkflowPage } from "../../../shared/workflows/listing.ts";
import type { WorkflowRecord } from "../../../shared/workflows/store.ts";
import { errorBody, plainJson } from "../../reading/record.ts";
import { beginning, jsonBlock } from "../view/code.ts";
import {
  backLink,
  cardTable,
  command,
  factList,
  idCell,
  nextLink,
  stateBadge,
} from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";
import { workflowTree } from "./workflow_tree.ts";

/** Draws the list.
 *
 * @param example a command that submits a workflow */
export function workflowsPage(
  view: View,
  { workflows, next }: WorkflowPage,
  { example, isOlder }: { readonly example: string; readonly isOlder: boolean },
): Markup {
  const { workflows: words, tasks } = view.texts;
  const titles = [tasks.state, words.names, tasks.id, words.done, tasks.submitted];
  const rows = workflows.map(({ id, state, names, done, total, createdAt }) => [
    state === null ? "–" : stateBadge(view, state),
    html`<a href="${pathOf(view, id)}">${names === null ? words.large : names.join(", ")}</a>`,
    idCell(id),
    done === null ? total : words.progress(done, total),
    view.time(createdAt),
  ]);
  const empty = next === null && !isOlder
    ? html`<div class="empty"><p>${words.empty}</p>${command(example)}</div>`
    : html`<p class="empty">${words.none}</p>`;
  return html`${rows.length > 0 ? cardTable(titles, rows) : empty}${
    nextLink(view, "/workflows", {}, next)
  }`;
}

/** Draws a workflow. The part `#workflow` is replaced when tasks have changed, until the workflow has ended. */
export function workflowPage(view: View, record: WorkflowRecord): Markup {
  const { workflows: words, tasks: titles } = view.texts;
  const { id, state, tasks, canvas, createdAt } = record;
  const isLive = !isFinal(state);
  const states = new Map(tasks.map((task) => [task.id, task.state]));
  const done = tasks.filter((task) => isFinal(task.state)).length;
  return html`
    ${backLink(view, "/workflows", words.back)}
    ${isLive
      ? html`
        <span id="live" hx-sse:connect="${view.path(
          "/changes",
        )}" hx-trigger="load, again" hx-swap="none"></span>
      `
      : ""}
    <div id="workflow" ${raw(
      isLive
        ? `hx-get="${
          pathOf(view, id)
        }" hx-select="#workflow" hx-target="#workflow" hx-swap="outerMorph" hx-trigger="changed from:#live throttle:1s"`
        : "",
    )}>
      <div role="status" aria-live="polite"><p>${stateBadge(view, state)} <span class="soft">${words
        .progress(done, tasks.length)}</span></p></div>
    ${factList([
      [titles.id, html`<code>${id}</code>`],
      [titles.submitted, view.time(createdAt)],
    ])}
    <h2>${words.structure}</h2>
    <p class="soft">${words.explanation}</p>
    ${workflowTree(view, canvas, states)}
    ${data(view, record)}
    <p><a href="${view.path(`/v1/workflows/${encodeURIComponent(id)}`)}">${words.raw}</a></p>
    </div>
  `;
}

const pathOf = (view: View, id: string) => view.path(`/workflows/${encodeURIComponent(id)}`);

/** The result or the error, unless the reader may not see them. */
function data(view: View, { result, exception }: WorkflowRecord): Markup {
  const { task } = view.texts;
  if (!view.can("tasks:read-data")) return html`<p class="warning">${task.redacted}</p>`;
  const error = exception && errorBody(exception, null);
  return html`${
    result === null ? "" : html`<h2>${task.result}</h2>
${jsonBlock(view, plainJson(result))}`
  }${
    error === null ? "" : html`<h2>${task.error}</h2>
<p class="bad"><strong>${error.type}</strong>: ${beginning(error.message)}</p>`
  }`;
}
