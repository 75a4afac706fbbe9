/** Draws the confirmation of a bulk change, the list of jobs, and one job. */
import { html, raw } from "hono/html";
import type { BulkPreview } from "../../actions/bulk_actions.ts";
import type { BulkFilter, BulkJob } from "../../bulk/bulk_job.ts";
import type { State } from "../../../shared/results/result.ts";
import { beginning } from "../view/code.ts";
import { actionForm, backLink, cardTable, factList, hrefOf, taskLink } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";
import { actionOf, type BulkChoice, choiceOf } from "./bulk_choice.ts";

/** Ids of a filter that a page names. */
const IDS_SHOWN = 5;

/** A change that waits for its confirmation. */
export interface ConfirmPage {
  readonly choice: BulkChoice;
  readonly filter: BulkFilter;
  readonly preview: BulkPreview;
}

/** Draws the confirmation. The form repeats the filter and the time, so that the job changes the tasks that were counted. */
export function confirmPage(view: View, { choice, filter, preview }: ConfirmPage): Markup {
  const { bulk } = view.texts;
  const { matched, states, complete, frozenAt } = preview;
  const back = html`<p><a href="${hrefOf(view, "/tasks", { q: filter.q })}">${bulk.back}</a></p>`;
  if (matched === 0 && complete) return html`<p class="empty">${bulk.none}</p>${back}`;
  const count = matched.toLocaleString(view.preference.language);
  const isDangerous = choice === "cancel" || choice === "terminate";
  return html`<p><strong>${complete ? bulk.matched(count) : bulk.matchedAtLeast(count)}</strong></p>
${
    factList([
      [bulk.action, bulk.actions[choice]],
      [bulk.filter, filterText(view, filter)],
      [bulk.inStates, statesText(view, states)],
      [bulk.frozen, view.time(frozenAt)],
    ])
  }
<p class="warning">${bulk.warnings[choice]}</p>
<p class="soft">${bulk.explanation}</p>
<form method="post" action="${view.path(`/tasks:${actionOf(choice)}`)}">
${filter.q === undefined ? "" : html`<input type="hidden" name="q" value="${filter.q}">`}
${
    filter.ids === undefined
      ? ""
      : html`<input type="hidden" name="ids" value="${JSON.stringify(filter.ids)}">`
  }
${choice === "terminate" ? html`<input type="hidden" name="terminate" value="yes">` : ""}
<input type="hidden" name="until" value="${frozenAt.toISOString()}">
<input type="hidden" name="key" value="${crypto.randomUUID()}">
<button class="${isDangerous ? "danger" : "primary"}">${bulk.confirms[choice]}</button>
</form>
${back}`;
}

/** Draws the list of jobs. */
export function jobsPage(view: View, jobs: readonly BulkJob[]): Markup {
  const { bulk } = view.texts;
  if (jobs.length === 0) {
    return html`<p class="empty">${bulk.empty} <a href="${
      view.path("/tasks")
    }">${bulk.back}</a></p>`;
  }
  return cardTable(
    [bulk.at, bulk.action, bulk.filter, bulk.state, bulk.progress, bulk.by],
    jobs.map((job) => [
      html`<a href="${view.path(`/jobs/${job.id}`)}">${view.time(job.createdAt)}</a>`,
      bulk.actions[choiceOf(job.action, job.terminate)],
      filterText(view, job.filter),
      stateText(view, job),
      progressText(view, job),
      job.caller.name,
    ]),
  );
}

/** Draws a job. The part `#job` is replaced while it runs. */
export function jobPage(view: View, job: BulkJob): Markup {
  const { bulk } = view.texts;
  const path = view.path(`/jobs/${job.id}`);
  const isRunning = job.endedAt === null;
  const live =
    ` hx-get="${path}" hx-select="#job" hx-target="#job" hx-swap="outerMorph" hx-trigger="every 2s"`;
  return html`
    ${backLink(view, "/jobs", bulk.all)}
    <div id="job" ${raw(isRunning ? live : "")}>
    <p role="status" aria-live="polite">${stateText(view, job)}: ${progressText(view, job)}</p>
    ${job.matched === null || job.matched === 0
      ? ""
      : html`<progress max="${job.matched}" value="${
        Math.min(job.matched, job.done + job.refused)
      }" aria-label="${bulk.progress}"></progress>`}
    ${factList([
      [bulk.action, bulk.actions[choiceOf(job.action, job.terminate)]],
      [bulk.filter, filterText(view, job.filter)],
      [bulk.frozen, view.time(job.frozenAt)],
      [bulk.done, job.done],
      [bulk.refused, job.refused],
      [bulk.by, job.caller.name],
      [bulk.at, view.time(job.createdAt)],
      [bulk.ended, view.time(job.endedAt)],
    ])}
    ${isRunning && view.can("tasks:cancel")
      ? html`<div class="actions">${
        actionForm(view, {
          path: `/jobs/${job.id}/stop`,
          title: bulk.stop,
          warning: bulk.stopWarning,
          confirm: bulk.stopConfirm,
          isDangerous: true,
        })
      }</div>`
      : ""}
    ${refusals(view, job)}
    </div>
  `;
}

/** Reasons may contain data of the tasks. */
function refusals(view: View, job: BulkJob): Markup {
  const { bulk, tasks } = view.texts;
  if (job.refusals.length === 0) return html``;
  const mayRead = view.can("tasks:read-data");
  return html`<h2>${bulk.refusals}</h2>${
    cardTable(
      [tasks.id, bulk.reason],
      job.refusals.map(({ id, reason }) => [
        taskLink(view, id),
        mayRead ? html`<span lang="en">${beginning(reason)}</span>` : "–",
      ]),
    )
  }`;
}

function stateText({ texts }: View, { endedAt, stopped }: BulkJob): string {
  const { states } = texts.bulk;
  if (endedAt === null) return states.running;
  return stopped === null ? states.ended : `${states.stopped} (${beginning(stopped)})`;
}

function progressText({ texts, preference }: View, { done, refused, matched }: BulkJob): string {
  const written = (count: number) => count.toLocaleString(preference.language);
  const processed = written(done + refused);
  return matched === null ? processed : texts.bulk.progressOf(processed, written(matched));
}

/** The states of the counted tasks, the most frequent first: `failed: 120, succeeded: 3`. */
function statesText({ texts, preference }: View, states: BulkPreview["states"]): string {
  const counts = new Map<string, number>();
  for (const [state, count] of Object.entries(states)) {
    // Two states have the text "running".
    const text = texts.states[state as State];
    counts.set(text, (counts.get(text) ?? 0) + count);
  }
  return [...counts].sort(([, a], [, b]) => b - a)
    .map(([text, count]) => `${text}: ${count.toLocaleString(preference.language)}`)
    .join(", ");
}

function filterText({ texts }: View, { q, ids }: BulkFilter): Markup {
  const named = ids?.slice(0, IDS_SHOWN).join(", ");
  const rest = (ids?.length ?? 0) - IDS_SHOWN;
  const parts = [
    ...(q === undefined || q.trim() === "" ? [] : [q]),
    ...(named === undefined ? [] : [rest > 0 ? `${named} … (+${rest})` : named]),
  ];
  return parts.length === 0
    ? html`${texts.bulk.everything}`
    : html`<code>${parts.map(beginning).join(" · ")}</code>`;
}
