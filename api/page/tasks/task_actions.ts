/** Actions on one task. */
import { html } from "hono/html";
import { isFinal, type TaskRecord } from "../../../shared/results/result.ts";
import { inputGap } from "../../submitting/rerun_input.ts";
import { type Action, actionForm, hrefOf } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";

/** Draws the actions that the reader's rights and the state allow.
 *
 * @param hasContract whether the app defines the task */
export function taskActions(view: View, record: TaskRecord, hasContract: boolean): Markup {
  const { task } = view.texts;
  const path = (action: string) => `/tasks/${encodeURIComponent(record.id)}/${action}`;
  const isRunning = record.state === "STARTED" || record.state === "PROGRESS";
  const actions: Action[] = [];
  if (view.can("tasks:cancel") && !isFinal(record.state)) {
    actions.push(
      isRunning
        ? {
          path: path("terminate"),
          title: task.terminate,
          warning: task.terminateWarning,
          confirm: task.terminateConfirm,
          key: "c",
          isDangerous: true,
        }
        : {
          path: path("cancel"),
          title: task.cancel,
          warning: task.cancelWarning,
          confirm: task.cancelConfirm,
          key: "c",
          isDangerous: true,
        },
    );
  }
  if (view.can("tasks:retry") && record.state === "FAILURE") {
    actions.push({
      path: path("retry"),
      title: task.retry,
      warning: task.retryWarning,
      confirm: task.retryConfirm,
    });
  }
  const mayRerun = view.can("tasks:submit") && view.can("tasks:read-data") &&
    record.name !== null && isFinal(record.state);
  const gap = mayRerun ? inputGap(record) : undefined;
  if (mayRerun && gap === undefined) {
    actions.push({
      path: path("rerun"),
      title: task.rerun,
      warning: task.rerunWarning,
      confirm: task.rerunConfirm,
      // A form that is sent twice submits one task.
      fields: { key: crypto.randomUUID() },
    });
  }
  const hint = gap === undefined ? "" : html`<p class="soft">${task.inputGaps[gap]}</p>`;
  const isEditable = mayRerun && (gap === undefined || gap === "redacted");
  const edit = isEditable && hasContract && record.name !== null
    ? html`<a href="${
      hrefOf(view, `/try/${encodeURIComponent(record.name)}`, { from: record.id })
    }">${task.editRerun}</a>`
    : "";
  if (actions.length === 0) return html`${edit ? html`<p>${edit}</p>` : ""}${hint}`;
  return html`<h2>${task.actions}</h2>
<div class="actions">${actions.map((action) => actionForm(view, action))}${edit}</div>${hint}`;
}
