/** The structure of a workflow as nested lists: ordered ones for steps, unordered ones for tasks that run in parallel. */
import { html } from "hono/html";
import { type Canvas, steps } from "../../../shared/celery/canvas_tree.ts";
import type { Signature } from "../../../shared/celery/signature.ts";
import { isObject } from "../../../shared/celery/shape.ts";
import type { State } from "../../../shared/results/result.ts";
import { seesTasks } from "../../reading/visible_record.ts";
import { stateBadge, taskLink } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";

/** Parts of a list that are drawn; the others are counted. */
const PARTS_SHOWN = 50;

/** Tasks of a workflow that are drawn. */
const TASKS_SHOWN = 500;

/** Draws the structure. Large parts are counted and not drawn.
 *
 * @param states state of each task by id */
export function workflowTree(
  view: View,
  canvas: Canvas,
  states: ReadonlyMap<string, State>,
): Markup {
  const { workflows } = view.texts;
  let drawn = 0;

  const draw = (part: Canvas): Markup => {
    switch (part.kind) {
      case "task":
        drawn++;
        return task(view, part.signature, states);
      case "chain":
        return html`<ol class="steps">${items(part.steps)}</ol>`;
      case "group":
        return parallel(part.members);
      case "chord":
        return html`<ol class="steps"><li>${parallel(part.header)}</li>${items([part.body])}</ol>`;
    }
  };

  const parallel = (members: readonly Canvas[]) =>
    html`<ul class="parallel" aria-label="${workflows.parallel(members.length)}">${
      items(members)
    }</ul>`;

  const items = (parts: readonly Canvas[]): Markup => {
    const shown: Markup[] = [];
    for (const part of parts.slice(0, PARTS_SHOWN)) {
      if (drawn >= TASKS_SHOWN) break;
      shown.push(html`<li>${draw(part)}</li>`);
    }
    const rest = parts.slice(shown.length).flatMap(steps).length;
    return html`${shown}${rest > 0 ? html`<li class="soft">${workflows.more(rest)}</li>` : ""}`;
  };

  return html`<div class="flow" role="group" aria-label="${workflows.structure}" tabindex="0">${
    draw(canvas)
  }</div>`;
}

function task(view: View, signature: Signature, states: ReadonlyMap<string, State>): Markup {
  const { workflows } = view.texts;
  const { taskId, callbacks, errbacks } = signature.options;
  // The patterns of a limited caller match all tasks of the workflow, but perhaps not their callbacks.
  const seen = (signatures: readonly unknown[] | null | undefined) =>
    namesOf(signatures).filter((name) => view.caller && seesTasks(view.caller, [name]));
  const then = (title: string, names: readonly string[]) =>
    names.length === 0 ? "" : html`<br><span class="soft">${title}: ${names.join(", ")}</span>`;
  return html`<div class="step">${taskLink(view, taskId!, signature.task)}<br>${
    stateBadge(view, states.get(taskId!) ?? "PENDING")
  }${then(workflows.callbacks, seen(callbacks))}${then(workflows.errbacks, seen(errbacks))}</div>`;
}

/** Names in wire signatures. */
function namesOf(signatures: readonly unknown[] | null | undefined): string[] {
  return (signatures ?? []).flatMap((one) => isObject(one) ? [String(one["task"])] : []);
}
