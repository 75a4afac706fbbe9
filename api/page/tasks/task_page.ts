/** `GET /tasks/{id}` of the page: one task. */
import { html, raw } from "hono/html";
import { formatDuration } from "../../../shared/text/duration.ts";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import { reprJson } from "../../../shared/celery/read_repr.ts";
import { readKeptInput } from "../../../shared/results/kept_input.ts";
import { isFinal, type Meta, type TaskRecord } from "../../../shared/results/result.ts";
import { errorBody, plainJson } from "../../reading/record.ts";
import { beginning, jsonBlock, textBlock } from "../view/code.ts";
import { backLink, durationOf, factList, stateBadge } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";
import { whyPart } from "../why/why_page.ts";
import { type Family, familyPart } from "./family.ts";
import { outsideLinks } from "./outside_links.ts";
import { taskActions } from "./task_actions.ts";
import { type Step, timelineOf } from "./timeline.ts";

/** Draws a task. The part `#task` is replaced while the task changes; a stream says when.
 *
 * @param record redacted if the reader may not read data
 * @param options.isWritten whether the store has the record
 * @param options.hasContract whether the app defines the task
 * @param options.family the tasks around it */
export function taskPage(
  view: View,
  record: TaskRecord,
  { isWritten, hasContract, family }: {
    readonly isWritten: boolean;
    readonly hasContract: boolean;
    readonly family: Family;
  },
): Markup {
  const path = view.path(`/tasks/${encodeURIComponent(record.id)}`);
  const isLive = !isFinal(record.state);
  const { task } = view.texts;
  const stream =
    `hx-sse:connect="${path}/changes" hx-sse:close="ended" hx-trigger="load, again" hx-swap="none"`;
  return html`
    ${backLink(view, "/tasks", task.back)}
    <div id="live" ${raw(isLive ? ` ${stream}` : "")}>
      <div id="task" ${raw(
        isLive
          ? `hx-get="${path}" hx-select="#task" hx-target="#task" hx-swap="outerMorph" hx-trigger="changed from:#live throttle:1s"`
          : "",
      )}>
    ${isWritten ? "" : html`<p class="notice">${task.notWritten}</p>`}
    <div role="status" aria-live="polite"><p>${stateBadge(view, record.state)}${isLive
      ? html`
        <span class="soft">${task.live}</span>
      `
      : ""}</p></div>
    ${facts(view, record)}
    ${taskActions(view, record, hasContract)}
    ${whyPart(view, record.id, record.state)}
    <h2>${task.timeline}</h2>
    <ol class="timeline">${timelineOf(record).map((step) => stepItem(view, record, step))}</ol>
    ${data(view, record)}
    ${notes(view, record.meta ?? null)}
    ${familyPart(view, record, family)}
    <p><a href="${view.path(`/v1/tasks/${encodeURIComponent(record.id)}`)}">${task.raw}</a></p>
      </div>
    </div>
  `;
}

function facts(view: View, record: TaskRecord): Markup {
  const { task, tasks } = view.texts;
  const labels = Object.entries(record.labels ?? {}).flatMap(([name, values]) =>
    [values].flat().map((value) => labelLink(view, name, value))
  );
  return factList([
    [tasks.id, html`<code>${record.id}</code>`],
    [task.queue, record.queue ?? "–"],
    [task.worker, record.worker ?? "–"],
    [tasks.duration, durationOf(record)],
    [task.retries, record.retries],
    [task.deliveries, record.deliveries],
    ...(labels.length > 0 ? [[task.labels, html`${labels}`] as const] : []),
    ...outsideLinks(view, record),
  ]);
}

function labelLink(view: View, name: string, value: string): Markup {
  const quoted = /[\s,"*]/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
  const query = new URLSearchParams({ q: `label.${name}:${quoted}` });
  return html`
    <a href="${view.path(`/tasks?${query}`)}">${name}: ${value}</a>
  `;
}

function stepItem(view: View, record: TaskRecord, step: Step): Markup {
  const { task, texts } = { task: view.texts.task, texts: view.texts };
  const attempt = step.attempt ?? 1;
  const title = {
    submitted: task.submitted,
    started: task.attemptStarted(attempt),
    failed: task.attemptFailed(attempt),
    waiting: task.waiting,
    running: task.running(attempt),
    next: task.nextAttempt,
    finished: `${task.finished}: ${texts.states[record.state]}`,
  }[step.kind];
  const isBad = step.kind === "failed" || (step.kind === "finished" && record.state === "FAILURE");
  const submitter = step.kind === "submitted" && record.submittedBy !== undefined
    ? ` ${task.submittedBy(record.submittedBy)}`
    : "";
  const worker = step.worker
    ? html`
      <span class="soft">${step.worker}</span>
    `
    : "";
  return html`
    <li
      class="${isBad ? "bad" : ""}"><strong>${title}</strong>${submitter}${worker}${step.at === null
        ? ""
        : html`
          <span class="soft">${view.time(step.at)}</span>
        `}${step.error
        ? html`<br><code>${step.error.type}: ${beginning(step.error.message)}</code>`
        : ""}</li>
  `;
}

/** Input, result and error, unless the reader may not see them. */
function data(view: View, record: TaskRecord): Markup {
  const { task } = view.texts;
  if (!view.can("tasks:read-data")) return html`<p class="warning">${task.redacted}</p>`;
  return html`${input(view, record)}${outcome(view, record)}${error(view, record)}`;
}

/** The input: the kept one, which is complete and exact, or else the representation of its beginning. */
function input(view: View, record: TaskRecord): Markup {
  const { task } = view.texts;
  const kept = record.input === undefined ? undefined : readKeptInput(record.input);
  const { argsRepr, kwargsRepr } = record;
  if (kept && !("omitted" in kept)) {
    const part = (title: string, json: string) =>
      /^(\[\]|\{\})$/.test(json) ? "" : html`<h3>${title}</h3>${jsonBlock(view, json)}`;
    return html`
      <details open>
        <summary>
          <h2>${task.input}</h2>
        </summary>
        ${part(task.positional, stringifyJson(kept.args))}
        ${part(task.named, stringifyJson(kept.kwargs))}
      </details>
    `;
  }
  const shown = (title: string, repr: string | null): Markup => {
    if (repr === null || repr === "()" || repr === "[]" || repr === "{}") return html``;
    const json = reprJson(repr);
    return html`<h3>${title}</h3>${
      json === undefined ? textBlock(view, repr) : jsonBlock(view, json)
    }${json === undefined ? html`<p class="soft">${task.truncated}</p>` : ""}`;
  };
  return html`<details open><summary><h2>${task.input}</h2></summary>
${shown(task.positional, argsRepr)}${shown(task.named, kwargsRepr)}</details>`;
}

/** The result or the progress. Integers keep all digits, because the text is not parsed into numbers. */
function outcome(view: View, { state, result }: TaskRecord): Markup {
  if (result === null) return html``;
  const { task } = view.texts;
  const title = state === "PROGRESS" ? task.progress : task.result;
  return html`
    <details open>
      <summary>
        <h2>${title}</h2>
      </summary>
      ${jsonBlock(view, plainJson(result))}
    </details>
  `;
}

function error(view: View, { exception, traceback }: TaskRecord): Markup {
  if (exception === null) return html``;
  const { message, type } = errorBody(exception, traceback);
  const { task } = view.texts;
  return html`<h2>${task.error}</h2>
<p class="bad"><strong>${type}</strong>: ${beginning(message)}</p>
${
    traceback === null ? "" : html`
      <details>
        <summary>${task.traceback}</summary>
        ${textBlock(view, traceback)}
      </details>
    `
  }`;
}

function notes({ texts }: View, meta: Meta | null): Markup {
  if (meta === null) return html``;
  const { task } = texts;
  const { violations = [], blocked, uncaught = [] } = meta;
  return html`<h2>${task.notes}</h2>
${
    violations.length === 0 ? "" : html`
      <p>${task.violations}:</p>
      <ul>${violations.map(({ violation, what }) =>
        html`<li><code>${violation} ${what}</code></li>`
      )}</ul>
    `
  }
${blocked ? html`<p>${task.blocked(formatDuration(blocked.seconds))}</p>` : ""}
${
    uncaught.length === 0 ? "" : html`
      <p>${task.uncaught}:</p>
      <ul>${uncaught.map((one) => html`<li><code>${one.error}</code></li>`)}</ul>
    `
  }`;
}
