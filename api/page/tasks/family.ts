/** The tasks around a task: its workflow, its root, its parent and its children. */
import { html } from "hono/html";
import type { TaskRecord, TaskSummary } from "../../../shared/results/result.ts";
import type { ResultStore } from "../../../shared/results/store.ts";
import type { Workflows } from "../../../shared/workflows/store.ts";
import type { Caller } from "../../access/caller.ts";
import { childBodies, type ChildBody } from "../../reading/record.ts";
import { stateBadge, taskLink } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";

/** Children that are drawn, with the members of groups. */
const CHILDREN_SHOWN = 100;

/** Dependencies of {@linkcode readFamily}. */
export interface FamilyParts {
  readonly store: Pick<ResultStore, "summaries">;
  readonly workflows: Pick<Workflows, "workflowOf">;
}

/** What is known of the tasks around a task. */
export interface Family {
  /** Id of the workflow that it belongs to. */
  readonly workflow?: string;
  /** By id: tasks that have a record and that the reader may see. */
  readonly known: ReadonlyMap<string, TaskSummary>;
}

/** Reads the tasks that {@linkcode familyPart} draws, with one statement, and the workflow.
 *
 * @throws {DatabaseUnavailable} */
export async function readFamily(
  { store, workflows }: FamilyParts,
  { id, lineage, children }: TaskRecord,
  caller: Caller,
): Promise<Family> {
  const ids = new Set([lineage?.root, lineage?.parent, ...idsOf(childBodies(children))]);
  ids.delete(undefined);
  const [workflow, summaries] = await Promise.all([
    workflows.workflowOf(id),
    ids.size === 0 ? [] : store.summaries([...ids] as string[]),
  ]);
  const seen = summaries.filter((one) => caller.seesEverything || caller.sees(one));
  return {
    ...(workflow !== undefined && { workflow }),
    known: new Map(seen.map((one) => [one.id, one])),
  };
}

/** Ids of the tasks that are drawn. */
function idsOf(bodies: readonly ChildBody[]): string[] {
  return bodies.flatMap(({ id, members }) => members ? idsOf(members) : [id])
    .slice(0, CHILDREN_SHOWN);
}

/** Draws them as nested lists: an ordered one for the steps, unordered ones for tasks that one task started. */
export function familyPart(view: View, record: TaskRecord, { workflow, known }: Family): Markup {
  const { task: words } = view.texts;
  const { root, parent } = record.lineage ?? {};
  const bodies = childBodies(record.children);
  if (!root && !parent && bodies.length === 0 && workflow === undefined) return html``;
  const above = [
    ...(root !== undefined && root !== parent ? [node(view, root, known, words.root)] : []),
    ...(parent === undefined
      ? []
      : [node(view, parent, known, root === parent ? words.rootParent : words.parent)]),
  ];
  const own = html`
    <div class="step"
      aria-current="true"><span class="soft">${words.own}</span><br><strong>${record.name ??
        record.id}</strong><br>${stateBadge(view, record.state)}</div>
  `;
  return html`<h2>${words.family}</h2>
${
    workflow === undefined
      ? ""
      : html`<p>${words.memberOf} <a href="${
        view.path(`/workflows/${encodeURIComponent(workflow)}`)
      }"><code>${workflow}</code></a></p>`
  }
${
    above.length === 0 && bodies.length === 0 ? "" : html`
      <p class="soft">${words.familyHint}</p>
      <div class="flow" role="group" aria-label="${words.family}" tabindex="0">
        <ol class="steps">${[...above, own].map((one) => html`<li>${one}</li>`)}${bodies.length > 0
          ? html`<li>${children(view, bodies, known)}</li>`
          : ""}</ol>
      </div>
    `
  }`;
}

function node(view: View, id: string, known: Family["known"], title?: string): Markup {
  const summary = known.get(id);
  return html`<div class="step">${
    title === undefined ? "" : html`<span class="soft">${title}</span><br>`
  }${taskLink(view, id, summary?.name ?? id)}${
    summary ? html`<br>${stateBadge(view, summary.state)}` : ""
  }</div>`;
}

/** At most {@linkcode CHILDREN_SHOWN} tasks; the others are counted. */
function children(view: View, bodies: readonly ChildBody[], known: Family["known"]): Markup {
  const { task: words, workflows } = view.texts;
  let left = CHILDREN_SHOWN;
  const list = (title: string, members: readonly ChildBody[]): Markup => {
    const shown: Markup[] = [];
    for (const { id, members: inner } of members) {
      if (left <= 0) break;
      if (inner) shown.push(html`<li>${list(words.group, inner)}</li>`);
      else {
        left--;
        shown.push(html`<li>${node(view, id, known)}</li>`);
      }
    }
    const rest = members.length - shown.length;
    return html`<ul class="parallel" aria-label="${title}">${shown}${
      rest > 0 ? html`<li class="soft">${workflows.more(rest)}</li>` : ""
    }</ul>`;
  };
  return list(words.children, bodies);
}
