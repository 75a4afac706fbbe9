/** The list of keys, and a new key. */
import { html } from "hono/html";
import type { CreatedKey } from "../../actions/key_actions.ts";
import type { Key } from "../../access/key_store.ts";
import { SCOPES } from "../../access/scopes.ts";
import { newKeyId } from "../../access/token.ts";
import { actionForm, backLink, cardTable, factList, nextLink, notice } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";

/** Data of the list. */
export interface KeysPage {
  readonly keys: readonly Key[];
  /** Cursor of the next page; `null` when there is none. */
  readonly next: string | null;
  readonly now: Date;
  /** Key of a notice. */
  readonly done: string | undefined;
}

/** Draws the list. */
export function keysPage(view: View, { keys, next, now, done }: KeysPage): Markup {
  const { apiKeys: words, task } = view.texts;
  const isWriter = view.can("keys:write");
  const titles = [
    words.name,
    words.scopes,
    words.limits,
    words.state,
    words.created,
    words.expires,
    words.lastUse,
    ...(isWriter ? [task.actions] : []),
  ];
  const rows = keys.map((key) => [
    html`<strong>${key.name}</strong><br><code>${key.id}</code>`,
    key.scopes.join(", "),
    html`<code>${key.tasks.join(", ")}</code><br><code>${key.queues.join(", ")}</code>`,
    state(view, key, now),
    html`${view.time(key.createdAt)}<br><span class="soft">${key.createdBy}</span>`,
    key.expiresAt === null ? words.never : view.time(key.expiresAt),
    view.time(key.lastUsedAt),
    ...(isWriter ? [isValid(key, now) ? actions(view, key) : ""] : []),
  ]);
  return html`${notice(view, done)}
${rows.length > 0 ? cardTable(titles, rows) : html`<p class="empty">${words.empty}</p>`}
${nextLink(view, "/keys", {}, next)}
${isWriter ? creation(view) : ""}`;
}

function isValid({ revokedAt, expiresAt }: Key, now: Date): boolean {
  return revokedAt === null && (expiresAt === null || expiresAt > now);
}

function state({ texts }: View, key: Key, now: Date): string {
  const { apiKeys: words } = texts;
  if (key.revokedAt !== null) return words.revoked;
  if (key.successor !== null) return words.rotated(key.successor);
  return isValid(key, now) ? words.active : words.expired;
}

function actions(view: View, key: Key): Markup {
  const { apiKeys: words } = view.texts;
  const path = (action: string) => `/keys/${encodeURIComponent(key.id)}/${action}`;
  const rotate = {
    path: path("rotate"),
    title: words.rotate,
    warning: words.rotateWarning,
    confirm: words.rotateConfirm,
  };
  const revoke = {
    path: path("revoke"),
    title: words.revoke,
    warning: words.revokeWarning,
    confirm: words.revokeConfirm,
    isDangerous: true,
  };
  return html`<div class="actions">${key.successor === null ? actionForm(view, rotate) : ""}${
    actionForm(view, revoke)
  }</div>`;
}

function creation(view: View): Markup {
  const { apiKeys: words } = view.texts;
  return html`
    <h2>${words.create}</h2>
    <form class="narrow" method="post" action="${view.path("/keys")}">
      <input type="hidden" name="id" value="${newKeyId()}">
      <label>${words.name} <input name="name" required maxlength="200" autocomplete="off"></label>
      <label>${words
        .scopes} <textarea name="scopes" required rows="5" spellcheck="false" aria-describedby="scopes-hint"></textarea></label>
      <p id="scopes-hint" class="soft">${words.scopesHint}</p>
      <details>
        <summary>${words.scopes}</summary>
        <dl class="facts" lang="en">${Object.entries(SCOPES).map(([scope, meaning]) =>
          html`
            <div>
              <dt><code>${scope}</code></dt>
              <dd>${meaning}</dd>
            </div>
          `
        )}</dl>
      </details>
      <label>${words
        .tasksHint} <textarea name="tasks" rows="2" spellcheck="false"></textarea></label>
      <label>${words
        .queuesHint} <textarea name="queues" rows="2" spellcheck="false"></textarea></label>
      <label>${words
        .lifeHint} <input name="days" inputmode="numeric" pattern="[0-9]{1,5}" autocomplete="off"></label>
      <button class="primary">${words.createConfirm}</button>
    </form>
  `;
}

/** Draws a new key with its token. */
export function createdPage(view: View, { key, token }: CreatedKey): Markup {
  const { apiKeys: words } = view.texts;
  return html`<p class="warning" role="status">${words.tokenOnce}</p>
<pre class="command" tabindex="0"><code>${token}</code></pre>
${
    factList([
      [words.name, key.name],
      [words.scopes, key.scopes.join(", ")],
      [words.expires, key.expiresAt === null ? words.never : view.time(key.expiresAt)],
    ])
  }
${backLink(view, "/keys", words.back)}`;
}
