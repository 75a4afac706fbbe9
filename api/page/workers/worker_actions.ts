/** The actions of the page on one worker. */
import { html } from "hono/html";
import { SLOTS_MAX } from "../../actions/worker_actions.ts";
import { actionForm } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";

/** Buttons that resize the pool of a worker, and shut the worker down. */
export function workerActions(view: View, name: string): Markup {
  const { workers: words } = view.texts;
  const path = `/workers/${encodeURIComponent(name)}`;
  const resize = actionForm(view, {
    path: `${path}/pool`,
    title: words.resize,
    warning: words.resizeWarning,
    confirm: words.resizeConfirm,
    inputs: html`
      <label>${words.change} <select name="command">
        <option value="pool_grow">${words.grow}</option>
        <option value="pool_shrink">${words.shrink}</option>
      </select></label>
      <label>${words
        .slots} <input type="number" name="slots" value="1" min="1" max="${SLOTS_MAX}" required></label>
    `,
  });
  const shutdown = actionForm(view, {
    path: `${path}/shutdown`,
    title: words.shutdown,
    warning: words.shutdownWarning,
    confirm: words.shutdownConfirm,
    isDangerous: true,
  });
  return html`<div class="actions">${resize}${shutdown}</div>`;
}
