/** `GET /tasks` of the page: the list of tasks. */
import { html, raw } from "hono/html";
import type { TaskRecord } from "../../../shared/results/result.ts";
import {
  cardTable,
  command,
  durationOf,
  hrefOf,
  idCell,
  nextLink,
  stateBadge,
  taskLink,
} from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";
import { type FilterMistake, STATE_WORDS, type TaskFilter } from "../../reading/task_filter.ts";
import { bulkForm, mayChangeMany, rowCheckbox } from "../bulk/bulk_form.ts";
import { type Known, savedViews, suggestions } from "./filter_aids.ts";
import { newsPart } from "./news.ts";
import type { Found } from "./search.ts";

/** Data of the page. */
export interface TasksPage {
  /** As the reader wrote it. */
  readonly text: string;
  readonly filter: TaskFilter;
  readonly found: Found;
  /** Contracts that the reader may see. */
  readonly contracts: Known["contracts"];
  /** Time of the list. */
  readonly now: Date;
  /** Whether this is not the first page. */
  readonly isOlder: boolean;
  /** A command that submits a task, for a store without any. */
  readonly example: string;
}

/** Filters of one click: filter text -> state whose word they show. */
const QUICK = {
  "state:pending": "PENDING",
  "state:started,progress": "STARTED",
  "state:retry": "RETRY",
  "state:failure": "FAILURE",
  "state:success": "SUCCESS",
  "state:revoked": "REVOKED",
} as const;

/** Draws the list. */
export function tasksPage(view: View, page: TasksPage): Markup {
  const { text, filter, found, now, isOlder, contracts } = page;
  const { tasks } = view.texts;
  return html`<form class="search" role="search" action="${view.path("/tasks")}">
<label for="filter">${tasks.filter}</label>
<input id="filter" name="q" type="search" value="${text}" spellcheck="false" autocomplete="off" autocapitalize="off" list="suggestions" aria-describedby="filter-hint" data-key="/"${
    raw(filter.mistakes.length > 0 ? ' aria-invalid="true"' : "")
  }>
<button>${tasks.search}</button>
<p id="filter-hint" class="soft">${tasks.hint}</p>
${mistakes(view, filter.mistakes)}
</form>
${suggestions(text, { contracts, records: found.records, states: STATE_WORDS })}
${quickFilters(view, text)}${savedViews(view)}
<p class="summary"><span>${tasks.count(found.records.length)}</span>${
    isOlder ? "" : newsPart(view, text, now)
  }
<a href="${listHref(view, text)}" data-key="r">${isOlder ? tasks.newest : tasks.refresh}</a></p>
${
    found.records.length > 0
      ? html`${table(view, found.records, { selectable: mayChangeMany(view) })}${
        bulkForm(view, text)
      }`
      : empty(view, page)
  }
${found.searched === undefined ? "" : html`<p role="status">${tasks.searched(found.searched)}</p>`}
${nextLink(view, "/tasks", { q: text }, found.next)}`;
}

const listHref = (view: View, text: string) => hrefOf(view, "/tasks", { q: text });

function quickFilters(view: View, current: string): Markup {
  const { texts } = view;
  const link = (text: string, title: string) =>
    html`<li><a href="${listHref(view, text)}"${
      raw(text === current.trim() ? ' aria-current="true"' : "")
    }>${title}</a></li>`;
  return html`<ul class="chips">${link("", texts.tasks.all)}${
    Object.entries(QUICK).map(([text, state]) => link(text, texts.states[state]))
  }</ul>`;
}

function mistakes({ texts }: View, found: readonly FilterMistake[]): Markup {
  if (found.length === 0) return html``;
  const explain = (mistake: FilterMistake): string => {
    const { tasks } = texts;
    switch (mistake.kind) {
      case "unknown-key":
        return tasks.unknownKey(mistake.key, mistake.near);
      case "state":
        return tasks.invalidState(mistake.value, STATE_WORDS.join(", "));
      case "time":
        return tasks.invalidTime(mistake.value);
      case "label":
        return tasks.invalidLabel;
      case "empty":
        return tasks.emptyValue(mistake.key);
    }
  };
  return html`
    <div class="mistakes" role="alert">
      <ul>${found.map((mistake) => html`<li>${explain(mistake)}</li>`)}</ul>
    </div>
  `;
}

/** A table of tasks.
 *
 * @param options.selectable whether rows have checkboxes. Default `false` */
export function table(
  view: View,
  records: readonly TaskRecord[],
  { selectable = false }: { readonly selectable?: boolean } = {},
): Markup {
  const { tasks } = view.texts;
  const titles = [
    ...(selectable ? [tasks.selection] : []),
    tasks.state,
    tasks.name,
    tasks.id,
    tasks.queue,
    tasks.submitted,
    tasks.duration,
    tasks.attempts,
  ];
  return cardTable(
    titles,
    records.map((record) => [
      ...(selectable ? [rowCheckbox(view, record.id)] : []),
      stateBadge(view, record.state),
      taskLink(view, record.id, record.name ?? "–"),
      idCell(record.id),
      record.queue ?? "–",
      view.time(record.submittedAt),
      durationOf(record),
      record.startedAt === null ? record.retries : record.retries + 1,
    ]),
  );
}

function empty(view: View, { text, example, found, isOlder }: TasksPage): Markup {
  const { tasks } = view.texts;
  if (text.trim() !== "" || found.next !== null || isOlder) {
    return html`<p class="empty">${tasks.noMatch} <a href="${
      listHref(view, "")
    }">${tasks.clear}</a></p>`;
  }
  return html`<div class="empty"><p>${tasks.empty} ${tasks.emptyCommand}</p>${
    command(example)
  }</div>`;
}
