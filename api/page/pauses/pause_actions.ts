/** The actions of the page that pause and resume one queue or task. */
import { html } from "hono/html";
import type { PauseKey } from "../../../shared/flow/pause.ts";
import { actionForm } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";

/** The page that shows an action, and that the reader comes back to. */
export type PauseOrigin = "pauses" | "queues";

/** A button that pauses a queue or a task, with a field for the reason. */
export function pauseAction(view: View, { scope, name }: PauseKey, from: PauseOrigin): Markup {
  const { pauses: words } = view.texts;
  return actionForm(view, {
    path: "/pauses",
    id: `pause-${scope}-${name}`,
    title: words.pauseConfirm,
    warning: words.pauseWarning,
    confirm: words.pauseConfirm,
    fields: { target: `${scope}:${name}`, from },
    inputs: html`<label>${words.reason} <input name="reason" maxlength="1000"></label>`,
  });
}

/** A button that resumes a queue or a task, with a field for the rate. */
export function resumeAction(view: View, { scope, name }: PauseKey, from: PauseOrigin): Markup {
  const { pauses: words } = view.texts;
  return actionForm(view, {
    path: `/pauses/${scope}/${encodeURIComponent(name)}/resume`,
    title: words.resume,
    warning: words.resumeWarning,
    confirm: words.resumeConfirm,
    fields: { from },
    inputs:
      html`<label>${words.rate} <input name="rate" inputmode="decimal" placeholder="${words.allAtOnce}"></label>`,
  });
}
