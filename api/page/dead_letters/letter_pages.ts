/** The list of dead letters, and one letter. */
import { html } from "hono/html";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import type { LetterSummary } from "../../../shared/dead_letters/row.ts";
import type { GivenFilter } from "../../actions/dead_letter_actions.ts";
import type { letterBody } from "../../dead_letters/dead_letter.ts";
import { jsonBlock, textBlock } from "../view/code.ts";
import {
  actionForm,
  backLink,
  cardTable,
  factList,
  hrefOf,
  nextLink,
  notice,
  taskLink,
} from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";

/** Data of the list. */
export interface LettersPage {
  readonly letters: readonly LetterSummary[];
  /** Cursor of the next page; `null` when there is none. */
  readonly next: string | null;
  readonly given: GivenFilter;
  /** Number of all letters that match, at most {@linkcode COUNTED_MAX} and one more. */
  readonly matching: number;
  readonly now: Date;
  /** Key of a notice. */
  readonly done: string | undefined;
}

/** Letters that are counted: a count of a million takes a quarter of a second. */
export const COUNTED_MAX = 10_000;

/** Conditions that the form offers; links add the others. */
const FIELDS = ["reason", "task", "queue", "task_id"] as const;

/** Draws the list. */
export function lettersPage(view: View, page: LettersPage): Markup {
  const { letters, next, given, matching, now, done } = page;
  const { letters: words } = view.texts;
  const mayRead = view.can("tasks:read-data");
  const filtered = (field: string, value: string | null) =>
    value === null
      ? "–"
      : html`<a href="${hrefOf(view, "/dead-letters", { ...given, [field]: value })}">${value}</a>`;
  const rows = letters.map((letter) => [
    mayRead
      ? html`<a href="${view.path(`/dead-letters/${letter.id}`)}">${
        view.time(letter.collectedAt)
      }</a>`
      : view.time(letter.collectedAt),
    filtered("reason", letter.reason),
    filtered("task", letter.task),
    letter.taskId === null
      ? "–"
      : view.can("tasks:read")
      ? taskLink(view, letter.taskId)
      : letter.taskId,
    filtered("queue", letter.queue),
    // The detail may quote the arguments.
    mayRead ? letter.detail ?? "–" : "–",
  ]);
  const titles = [
    words.collected,
    words.reason,
    words.task,
    words.taskId,
    words.queue,
    words.detail,
  ];
  return html`${notice(view, done)}${form(view, given)}
${
    rows.length > 0
      ? html`<p>${words.matching(counted(matching))}</p>${cardTable(titles, rows)}`
      : empty(view, given, next)
  }
${nextLink(view, "/dead-letters", given, next)}
${matching > 0 ? changes(view, given, matching, now) : ""}`;
}

function counted(letters: number): string {
  return letters > COUNTED_MAX ? `${COUNTED_MAX}+` : String(letters);
}

function form(view: View, given: GivenFilter): Markup {
  const { letters: words } = view.texts;
  const titles = {
    reason: words.reason,
    task: words.task,
    queue: words.queue,
    task_id: words.taskId,
  };
  return html`<form class="fields" role="search" action="${view.path("/dead-letters")}">
${
    FIELDS.map((name, index) =>
      html`<label>${titles[name]} <input name="${name}" value="${
        given[name] ?? ""
      }" spellcheck="false" data-key="${index === 0 ? "/" : ""}"></label>`
    )
  }
<button>${words.filter}</button>
</form>`;
}

function empty(view: View, given: GivenFilter, next: string | null): Markup {
  const { letters: words } = view.texts;
  if (Object.keys(given).length === 0 && next === null) {
    return html`<p class="empty">${words.empty}</p>`;
  }
  return html`<p class="empty">${words.noMatch} <a href="${
    view.path("/dead-letters")
  }">${words.clear}</a></p>`;
}

/** Actions on all letters that match now: later ones are left out by `until`. */
function changes(view: View, given: GivenFilter, count: number, now: Date): Markup {
  const { letters: words, task } = view.texts;
  const fields = { ...given, until: given.until ?? now.toISOString() };
  const redrive = view.can("dead-letters:redrive") && actionForm(view, {
    path: "/dead-letters:redrive",
    title: words.redrive,
    warning: words.redriveWarning(counted(count)),
    confirm: words.redriveConfirm,
    fields,
  });
  const purge = view.can("dead-letters:purge") && actionForm(view, {
    path: "/dead-letters:purge",
    title: words.purge,
    warning: words.purgeWarning(counted(count)),
    confirm: words.purgeConfirm,
    isDangerous: true,
    fields,
  });
  if (!redrive && !purge) return html``;
  return html`
    <h2>${task.actions}</h2>
    <div class="actions">${redrive || ""}${purge || ""}</div>
  `;
}

/** Draws one letter. */
export function letterPage(view: View, letter: ReturnType<typeof letterBody>, now: Date): Markup {
  const { letters: words } = view.texts;
  return html`${backLink(view, "/dead-letters", words.back)}
${
    factList([
      [words.reason, letter.reason],
      [words.detail, letter.detail ?? "–"],
      [words.task, letter.task ?? "–"],
      [
        words.taskId,
        letter.task_id !== null && view.can("tasks:read")
          ? taskLink(view, letter.task_id)
          : letter.task_id ?? "–",
      ],
      [words.queue, letter.queue],
      [words.worker, letter.worker ?? "–"],
      [words.collected, view.time(letter.collected_at)],
      [words.size, words.bytes(letter.size)],
    ])
  }
<h2>${words.body}</h2>
${letter.body_encoding === "utf-8" ? body(view, letter.body) : textBlock(view, letter.body)}
<h2>${words.headers}</h2>
${jsonBlock(view, stringifyJson({ ...letter.properties, headers: letter.headers }))}
${changes(view, only(letter), 1, now)}`;
}

/** A filter for one letter. A caller that is limited to some tasks or queues must name them. */
function only({ id, task, queue }: ReturnType<typeof letterBody>): GivenFilter {
  return { id, queue, ...(task !== null && { task }) };
}

/** JSON with its numbers unchanged; any other text as it is. */
function body(view: View, text: string): Markup {
  try {
    JSON.parse(text);
  } catch {
    return textBlock(view, text);
  }
  return jsonBlock(view, text);
}
