/** The list of schedules, and one schedule. */
import { html } from "hono/html";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import type { StoredSchedule } from "../../../shared/schedules/stored_schedule.ts";
import { formatDuration } from "../../../shared/text/duration.ts";
import { newPress, PRESS_FIELD } from "../press.ts";
import { jsonBlock } from "../view/code.ts";
import { scheduleBody } from "../../submitting/schedule.ts";
import {
  type Action,
  actionForm,
  backLink,
  cardTable,
  command,
  factList,
  nextLink,
  notice,
  taskLink,
} from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";

/** Data of the list. */
export interface SchedulesPage {
  readonly schedules: readonly StoredSchedule[];
  /** Cursor of the next page; `null` when there is none. */
  readonly next: string | null;
  /** The active scheduler, if one runs. */
  readonly scheduler: string | undefined;
  readonly now: Date;
  /** Key of a notice. */
  readonly done: string | undefined;
}

/** Due times that the page of one schedule shows. */
const RUNS = 5;

/** Draws the list. */
export function schedulesPage(view: View, page: SchedulesPage): Markup {
  const { schedules, next, scheduler, now, done } = page;
  const { texts } = view;
  const { schedules: words } = texts;
  const titles = [words.name, words.task, words.timing, words.state, words.last, words.next];
  const rows = schedules.map((schedule) => [
    html`<a href="${pathOf(view, schedule)}">${schedule.name}</a>`,
    schedule.signature.task,
    timing(view, schedule),
    state(view, schedule),
    view.time(schedule.lastAt),
    view.time(scheduleBody(schedule, { now, runs: 1 }).next_at),
  ]);
  return html`${notice(view, done)}
${
    scheduler === undefined
      ? html`<div class="warning"><p>${words.noScheduler}</p>${command("deno task beat")}</div>`
      : html`<p class="soft">${words.scheduler(scheduler)}</p>`
  }
${
    rows.length > 0
      ? cardTable(titles, rows)
      : html`<div class="empty"><p>${words.empty}</p>${
        command("deno task cli schedules add pulse add x=2 y=3 --every=30")
      }</div>`
  }
${nextLink(view, "/schedules", {}, next)}`;
}

/** Draws one schedule. */
export function schedulePage(
  view: View,
  { schedule, now, done }: {
    readonly schedule: StoredSchedule;
    readonly now: Date;
    readonly done: string | undefined;
  },
): Markup {
  const { schedules: words, task } = view.texts;
  const { next_runs: runs, args, kwargs } = scheduleBody(schedule, { now, runs: RUNS });
  const { lastId, problem } = schedule;
  return html`${backLink(view, "/schedules", words.back)}
${notice(view, done)}
${
    problem === null
      ? ""
      : html`<p class="warning" role="alert"><strong>${words.problem}:</strong> <span lang="en">${problem}</span></p>`
  }
${
    factList([
      [words.task, schedule.signature.task],
      [words.timing, timing(view, schedule)],
      [words.state, state(view, schedule)],
      [words.missed, words.missedPolicies[schedule.missed]],
      [words.source, words.sources[schedule.source]],
      [words.runs, schedule.ticks],
      [words.last, view.time(schedule.lastAt)],
      [
        words.lastTask,
        lastId === null ? "–" : view.can("tasks:read") ? taskLink(view, lastId) : lastId,
      ],
    ])
  }
<h2>${words.nextRuns}</h2>
${
    runs.length === 0
      ? html`<p>${words.none}</p>`
      : html`<ol>${runs.map((at) => html`<li>${view.time(at)}</li>`)}</ol>`
  }
<h2>${task.input}</h2>
${
    view.can("tasks:read-data")
      ? jsonBlock(view, stringifyJson({ args, kwargs }))
      : html`<p class="warning">${task.redacted}</p>`
  }
${actions(view, schedule)}`;
}

function actions(view: View, schedule: StoredSchedule): Markup {
  const { schedules: words, task } = view.texts;
  const path = (action: string) => `/schedules/${encodeURIComponent(schedule.name)}/${action}`;
  const possible: Action[] = [];
  if (view.can("schedules:trigger")) {
    possible.push({
      path: path("trigger"),
      title: words.trigger,
      warning: words.triggerWarning,
      confirm: words.triggerConfirm,
      fields: { [PRESS_FIELD]: newPress() },
    });
  }
  const isWriter = view.can("schedules:write");
  if (isWriter) {
    possible.push(
      schedule.paused
        ? {
          path: path("resume"),
          title: words.resume,
          warning: words.resumeWarning,
          confirm: words.resumeConfirm,
        }
        : {
          path: path("pause"),
          title: words.pause,
          warning: words.pauseWarning,
          confirm: words.pauseConfirm,
        },
    );
  }
  if (isWriter && schedule.source === "database") {
    possible.push({
      path: path("remove"),
      title: words.remove,
      warning: words.removeWarning,
      confirm: words.removeConfirm,
      isDangerous: true,
    });
  }
  if (possible.length === 0) return html``;
  return html`<h2>${task.actions}</h2>
<div class="actions">${possible.map((action) => actionForm(view, action))}</div>
${schedule.source === "code" ? html`<p class="soft">${words.inCode}</p>` : ""}`;
}

function pathOf(view: View, { name }: StoredSchedule): string {
  return view.path(`/schedules/${encodeURIComponent(name)}`);
}

function timing({ texts }: View, { cron, timezone, every }: StoredSchedule): Markup | string {
  if (cron === null) return texts.schedules.every(formatDuration(every ?? 0));
  return html`<code>${cron}</code> <span class="soft">${timezone ?? "UTC"}</span>`;
}

function state({ texts }: View, { paused, problem }: StoredSchedule): Markup {
  const { schedules: words } = texts;
  if (problem !== null) return html`<span class="bad" title="${problem}">${words.problem}</span>`;
  return paused ? html`<strong>${words.paused}</strong>` : html`${words.active}`;
}
