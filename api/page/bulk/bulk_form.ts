/** The form below the list of tasks: choose tasks and an action. */
import { html, raw } from "hono/html";
import type { Markup, View } from "../view/view.ts";
import { choicesOf } from "./bulk_choice.ts";

/** Id of the form. The checkboxes of the rows belong to it. */
const FORM = "bulk";

/** Beginning of the names of checkboxes; the id of the task follows. */
export const TASK_FIELD = "task.";

/** Whether the reader may change many tasks. */
export function mayChangeMany(view: View): boolean {
  return choicesOf(view).length > 0;
}

/** The checkbox of a row. */
export function rowCheckbox(view: View, id: string): Markup {
  return html`
    <input type="checkbox" form="${FORM}" name="${TASK_FIELD}${id}" value="1"
      aria-label="${view.texts.bulk.select(id)}">
  `;
}

/** Draws the form. It only counts: the next page asks for a confirmation.
 *
 * @param text the filter as the reader wrote it */
export function bulkForm(view: View, text: string): Markup {
  const { bulk } = view.texts;
  const choices = choicesOf(view);
  if (choices.length === 0) return html``;
  return html`
    <details class="bulk">
      <summary>${bulk.change}</summary>
      <form id="${FORM}" class="narrow" method="post" action="${view.path("/tasks:bulk")}">
        <input type="hidden" name="q" value="${text}">
        <fieldset>
          <legend>${bulk.which}</legend>
          <label><input type="radio" name="scope" value="selected"${raw(" checked")}> ${bulk
            .selected}</label>
          <label><input type="radio" name="scope" value="matching"> ${bulk.matching}</label>
        </fieldset>
        <label>${bulk.action} <select name="action">${choices.map((choice) =>
          html`<option value="${choice}">${bulk.actions[choice]}</option>`
        )}</select></label>
        <button>${bulk.preview}</button>
        <p><a href="${view.path("/jobs")}">${bulk.all}</a></p>
      </form>
    </details>
  `;
}
