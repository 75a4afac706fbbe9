/** The list of subscriptions, and one subscription. */
import { html } from "hono/html";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import type { StoredReplay } from "../../../shared/events/replay_store.ts";
import type { StoredSubscription } from "../../../shared/events/subscription_store.ts";
import { replayBody } from "../../submitting/replay.ts";
import { jsonBlock } from "../view/code.ts";
import {
  type Action,
  actionForm,
  backLink,
  cardTable,
  factList,
  nextLink,
  notice,
} from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";

/** Data of the list. */
export interface SubscriptionsPage {
  readonly subscriptions: readonly StoredSubscription[];
  /** Cursor of the next page; `null` when there is none. */
  readonly next: string | null;
  /** Key of a notice. */
  readonly done: string | undefined;
}

/** Data of the page of one subscription. */
export interface SubscriptionPage {
  readonly subscription: StoredSubscription;
  /** Latest first. */
  readonly replays: readonly StoredReplay[];
  /** Key of a notice. */
  readonly done: string | undefined;
}

/** Draws the list. */
export function subscriptionsPage(
  view: View,
  { subscriptions, next, done }: SubscriptionsPage,
): Markup {
  const { subscriptions: words } = view.texts;
  const rows = subscriptions.map((one) => [
    html`<a href="${view.path(`/subscriptions/${encodeURIComponent(one.name)}`)}">${one.name}</a>`,
    patterns(one),
    one.deliver.task,
    one.deliver.queue,
    state(view, one),
  ]);
  const titles = [words.name, words.patterns, words.task, words.queue, words.state];
  return html`${notice(view, done)}
${rows.length > 0 ? cardTable(titles, rows) : html`<p class="empty">${words.empty}</p>`}
${nextLink(view, "/subscriptions", {}, next)}`;
}

/** Draws one subscription. */
export function subscriptionPage(
  view: View,
  { subscription, replays, done }: SubscriptionPage,
): Markup {
  const { subscriptions: words, schedules } = view.texts;
  const { deliver, where, match, source } = subscription;
  return html`${backLink(view, "/subscriptions", words.back)}
${notice(view, done)}
${
    factList([
      [words.patterns, patterns(subscription)],
      [
        words.conditions(match),
        Object.keys(where).length === 0 ? "–" : html`<code>${stringifyJson(where)}</code>`,
      ],
      [words.task, deliver.task],
      [words.queue, deliver.queue],
      [words.arguments, html`<code>${stringifyJson(deliver.args)}</code>`],
      [words.state, state(view, subscription)],
      [schedules.source, schedules.sources[source]],
    ])
  }
${actions(view, subscription)}
${
    replays.length === 0 ? "" : html`
      <h2>${words.replays}</h2>
      ${replays.filter(({ failures }) => failures > 0).map((one) => failure(view, one))}
      ${jsonBlock(view, JSON.stringify(replays.map(replayBody)))}
    `
  }`;
}

/** Why a replay does not continue. */
function failure({ texts }: View, { failures, error }: StoredReplay): Markup {
  const { replayFails } = texts.subscriptions;
  return html`<p class="warning" role="alert"><strong>${
    replayFails(failures)
  }</strong> <span lang="en">${error ?? ""}</span></p>`;
}

function patterns({ patterns }: StoredSubscription): Markup {
  return html`${
    patterns.map((pattern) =>
      html`
        <code>${pattern}</code>
      `
    )
  }`;
}

function state({ texts }: View, { pausedAt }: StoredSubscription): Markup {
  const { schedules } = texts;
  return pausedAt === null ? html`${schedules.active}` : html`<strong>${schedules.paused}</strong>`;
}

function actions(view: View, { name, source, pausedAt }: StoredSubscription): Markup {
  if (!view.can("subscriptions:write")) return html``;
  const { subscriptions: words, task } = view.texts;
  const path = (action: string) => `/subscriptions/${encodeURIComponent(name)}/${action}`;
  const possible: Action[] = [
    pausedAt === null
      ? {
        path: path("pause"),
        title: words.pause,
        warning: words.pauseWarning,
        confirm: words.pauseConfirm,
      }
      : {
        path: path("resume"),
        title: words.resume,
        warning: words.resumeWarning,
        confirm: words.resumeConfirm,
      },
  ];
  if (source === "database") {
    possible.push({
      path: path("remove"),
      title: words.remove,
      warning: words.removeWarning,
      confirm: words.removeConfirm,
      isDangerous: true,
    });
  }
  return html`<h2>${task.actions}</h2>
<div class="actions">${possible.map((action) => actionForm(view, action))}</div>`;
}
