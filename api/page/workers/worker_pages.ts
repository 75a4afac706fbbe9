/** The list of workers, and the list of queues. */
import { html } from "hono/html";
import type { Registry } from "../../../shared/contracts/registry.ts";
import type { Pause } from "../../../shared/flow/pause.ts";
import { formatDuration } from "../../../shared/text/duration.ts";
import type { SurveyedWorker } from "../../reading/worker_survey.ts";
import { beginning } from "../view/code.ts";
import { cardTable, command, hrefOf, taskLink } from "../view/parts.ts";
import { pauseAction, resumeAction } from "../pauses/pause_actions.ts";
import type { Markup, View } from "../view/view.ts";
import { workerActions } from "./worker_actions.ts";

/** Draws the workers that have replied.
 *
 * @param options.isController whether the reader may control them */
export function workersPage(
  view: View,
  workers: readonly SurveyedWorker[],
  { isController }: { readonly isController: boolean },
): Markup {
  const { workers: words, tasks } = view.texts;
  const refresh = html`<p class="summary"><span>${words.count(workers.length)}</span> <a href="${
    view.path("/workers")
  }" data-key="r">${tasks.refresh}</a></p>`;
  if (workers.length === 0) {
    return html`${refresh}<div class="empty"><p>${words.empty}</p>${
      command("deno task worker")
    }</div>`;
  }
  const titles = [
    words.name,
    words.queues,
    words.running,
    words.concurrency,
    words.prefetch,
    words.received,
    words.uptime,
    ...(isController ? [view.texts.task.actions] : []),
  ];
  const rows = workers.map((worker) => [
    html`<a href="${tasksOf(view, "worker", worker.name)}">${worker.name}</a>`,
    worker.queues.join(", "),
    running(view, worker),
    worker.concurrency ?? "–",
    worker.prefetch ?? "–",
    worker.received,
    worker.uptimeSeconds === null ? "–" : formatDuration(worker.uptimeSeconds),
    ...(isController ? [workerActions(view, worker.name)] : []),
  ]);
  return html`${refresh}${cardTable(titles, rows)}`;
}

function running(view: View, { active }: SurveyedWorker): Markup | string {
  if (active.length === 0) return "–";
  const mayRead = view.can("tasks:read");
  return html`<ul class="plain">${
    active.map(({ id, name, startedAt }) =>
      html`<li>${mayRead ? taskLink(view, id, name) : name} ${
        startedAt === null ? "" : view.time(startedAt)
      }</li>`
    )
  }</ul>`;
}

/** Data of the list of queues. */
export interface QueuesPage {
  readonly registry: Registry;
  readonly foreignQueues: readonly string[];
  readonly workers: readonly SurveyedWorker[];
  /** Of queues and tasks. */
  readonly pauses: readonly Pause[];
  /** Whether the reader may pause and resume a queue. */
  readonly allows: (queue: string) => boolean;
}

/** Draws the queues of contracts, of other systems and of workers. A queue of a contract without a worker is marked. */
export function queuesPage(
  view: View,
  { registry, foreignQueues, workers, pauses, allows }: QueuesPage,
): Markup {
  const { queues: words, tasks } = view.texts;
  const contracts = Map.groupBy(registry, ({ queue }) => queue);
  const consumers = Map.groupBy(
    workers.flatMap(({ name, queues }) => queues.map((queue) => ({ name, queue }))),
    ({ queue }) => queue,
  );
  const mayPause = view.can("queues:pause");
  // No worker of this app reads the pauses of other queues.
  const known = new Set([...contracts.keys(), ...foreignQueues]);
  const names = new Set([...contracts.keys(), ...foreignQueues, ...consumers.keys()]);
  const rows = [...names].sort().map((name) => [
    html`<a href="${tasksOf(view, "queue", name)}">${name}</a>${pauseMark(view, pauses, name)}`,
    contracts.get(name)?.map((contract) => contract.name).sort().join(", ") ?? "–",
    consumers.has(name)
      ? consumers.get(name)!.map((worker) => worker.name).join(", ")
      : contracts.has(name)
      ? html`<strong class="bad">${words.noWorker}</strong>`
      : words.unknown,
    ...(mayPause ? [known.has(name) && allows(name) ? action(view, pauses, name) : "–"] : []),
  ]);
  return html`
    <p
      class="summary"><span class="soft">${words.explanation}</span> <a href="${view.path(
        "/queues",
      )}" data-key="r">${tasks.refresh}</a></p>
    ${cardTable([
      words.name,
      words.tasks,
      words.workers,
      ...(mayPause ? [view.texts.task.actions] : []),
    ], rows)}
  `;
}

function pauseOf(pauses: readonly Pause[], queue: string): Pause | undefined {
  return pauses.find(({ scope, name }) => scope === "queue" && name === queue);
}

/** Pauses the queue, or resumes it. */
function action(view: View, pauses: readonly Pause[], name: string): Markup {
  const key = { scope: "queue", name } as const;
  return pauseOf(pauses, name)
    ? resumeAction(view, key, "queues")
    : pauseAction(view, key, "queues");
}

/** Says that a queue is paused, and why. */
function pauseMark(view: View, pauses: readonly Pause[], queue: string): Markup {
  const found = pauseOf(pauses, queue);
  if (!found) return html``;
  return html`<br><a class="bad" href="${view.path("/pauses")}">${
    view.texts.pauses.queueMark(beginning(found.reason ?? ""))
  }</a>`;
}

/** The list of tasks with a condition. */
function tasksOf(view: View, key: "worker" | "queue", value: string): string {
  const quoted = /[\s,"*]/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
  return hrefOf(view, "/tasks", { q: `${key}:${quoted}` });
}
