/** Draws the pauses, and the form to add one. */
import { html } from "hono/html";
import type { PauseKey, PauseScope } from "../../../shared/flow/pause.ts";
import type { StoredPause } from "../../../shared/flow/pause_store.ts";
import { beginning } from "../view/code.ts";
import { cardTable } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";
import { resumeAction } from "./pause_actions.ts";

/** Data of the page. */
export interface PausesPage {
  readonly pauses: readonly StoredPause[];
  /** What the reader may pause. */
  readonly choices: readonly PauseKey[];
}

/** Draws the page. */
export function pausesPage(view: View, { pauses, choices }: PausesPage): Markup {
  const { pauses: words } = view.texts;
  const mayPause = view.can("queues:pause");
  const titles = [
    words.scope,
    words.name,
    words.state,
    words.reason,
    words.by,
    words.at,
    words.parked,
    ...(mayPause ? [view.texts.task.actions] : []),
  ];
  const rows = pauses.map((pause) => [
    words.scopes[pause.scope],
    pause.name,
    stateOf(view, pause),
    beginning(pause.reason ?? "–"),
    pause.pausedBy,
    view.time(pause.pausedAt),
    pause.parked,
    ...(mayPause ? [resumeAction(view, pause, "pauses")] : []),
  ]);
  return html`<p class="soft">${words.explanation}</p>
${rows.length > 0 ? cardTable(titles, rows) : html`<p class="empty">${words.empty}</p>`}
${mayPause && choices.length > 0 ? form(view, choices) : ""}`;
}

function stateOf({ texts, preference }: View, { resumedAt, rate }: StoredPause): string {
  const { pauses: words } = texts;
  if (resumedAt === null) return words.paused;
  return rate === null
    ? words.resuming
    : words.resumingAt(rate.toLocaleString(preference.language));
}

function form(view: View, choices: readonly PauseKey[]): Markup {
  const { pauses: words } = view.texts;
  const group = (scope: PauseScope) =>
    html`<optgroup label="${words.scopes[scope]}">${
      choices.filter((one) => one.scope === scope).map(({ name }) =>
        html`<option value="${scope}:${name}">${name}</option>`
      )
    }</optgroup>`;
  return html`
    <h2>${words.pause}</h2>
    <form class="narrow" method="post" action="${view.path("/pauses")}">
      <label>${words.name} <select name="target">${group("queue")}${group("task")}</select></label>
      <label>${words.reason} <input name="reason" maxlength="1000"></label>
      <button class="primary">${words.pauseConfirm}</button>
    </form>
  `;
}
