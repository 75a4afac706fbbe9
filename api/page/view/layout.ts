/** The frame of every page: head, menu, preferences, keys. */
import type { Context } from "hono";
import { html, raw } from "hono/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Scope } from "../../access/scopes.ts";
import { ASSETS } from "../assets/embedded.ts";
import type { Texts } from "../texts/english.ts";
import { keysButton, keysDialog } from "./keys_dialog.ts";
import { preferenceForms } from "./preference_forms.ts";
import type { Markup, View } from "./view.ts";

/** Scripts, styles and forms of this origin only: nothing inline, and no `eval`. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `same-origin` and not `no-referrer`, with which browsers send forms with `Origin: null`. */
const HEADERS = {
  "content-security-policy": POLICY,
  "referrer-policy": "same-origin",
  "x-frame-options": "DENY",
  "cache-control": "no-store",
  "vary": "Accept, Accept-Language, Cookie",
};

/** `includeIndicatorCSS` would add a style sheet, and a settle delay would show old values. A part that a reader has opened stays open
 * when its surroundings change. An error page replaces no part: it does not contain the part, which would disappear. */
const HTMX = JSON.stringify({
  extensions: "sse",
  includeIndicatorCSS: false,
  defaultSettleDelay: 0,
  history: false,
  noSwap: [204, 304, "4xx", "5xx"],
  morphIgnore: ["data-htmx-powered", "open"],
});

const LEAF = html`
  <svg viewBox="0 0 16 16" aria-hidden="true">
    <path
      d="M15 1C7 1 2 4 2 9c0 1 .3 2 .8 2.800L1 14.200 2.200 15l1.900-2.200C5 13.600 6 14 7 14c6 0 8-6 8-13ZM5.300 11.600C6.500 8.500 8.700 6.300 11.500 5 8.500 5.800 5.800 7.700 4.200 10.600 4 10 4 9.500 4 9c0-3.300 3.300-5.600 8.900-5.900C12.600 8.300 10.900 12 7 12c-.6 0-1.200-.1-1.700-.4Z" />
  </svg>
`;

/** An entry of the menu. */
interface Entry {
  readonly path: string;
  readonly text: keyof Texts["nav"];
  /** Second key after `g`. */
  readonly key: string;
  readonly scope: Scope;
}

const MENU: readonly Entry[] = [
  { path: "/", text: "overview", key: "o", scope: "reference:read" },
  { path: "/tasks", text: "tasks", key: "t", scope: "tasks:read" },
  { path: "/jobs", text: "jobs", key: "b", scope: "tasks:read" },
  { path: "/try", text: "trying", key: "n", scope: "tasks:submit" },
  { path: "/workflows", text: "workflows", key: "f", scope: "tasks:read" },
  { path: "/charts", text: "charts", key: "c", scope: "tasks:read" },
  { path: "/queues", text: "queues", key: "q", scope: "workers:read" },
  { path: "/pauses", text: "pauses", key: "p", scope: "tasks:read" },
  { path: "/workers", text: "workers", key: "w", scope: "workers:read" },
  { path: "/schedules", text: "schedules", key: "s", scope: "schedules:read" },
  { path: "/dead-letters", text: "deadLetters", key: "d", scope: "dead-letters:read" },
  { path: "/events", text: "events", key: "e", scope: "events:read" },
  { path: "/subscriptions", text: "subscriptions", key: "u", scope: "subscriptions:read" },
  { path: "/keys", text: "keys", key: "k", scope: "keys:read" },
  { path: "/audit", text: "audit", key: "a", scope: "audit:read" },
  { path: "/docs", text: "reference", key: "r", scope: "reference:read" },
];

/** A page. */
export interface Page {
  readonly title: string;
  readonly body: Markup;
  /** Path of the entry in the menu. */
  readonly current?: string;
  readonly status?: ContentfulStatusCode;
}

/** Answers with a page. */
export function answerPage(c: Context, view: View, page: Page): Response | Promise<Response> {
  return c.html(document(view, page), page.status ?? 200, HEADERS);
}

function document(view: View, { title, body, current }: Page): Markup {
  const { texts, preference, site } = view;
  const asset = (name: keyof typeof ASSETS) => view.path(`/assets/${ASSETS[name].file}`);
  return html`
    <!DOCTYPE html>
    <html lang="${preference.language}" data-theme="${preference.theme}" data-zone="${preference
      .zone}">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="htmx-config" content="${HTMX}">
        <title>${title} · ${texts.product}</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="${asset("style")}">
        <script defer src="${asset("htmx")}"></script>
        <script type="module" src="${asset("script")}"></script>
      </head>
      <body>
    <a class="skip" href="#content">${texts.skip}</a>
    ${site.secured ? "" : html`<p class="open" role="note">${texts.openWarning}</p>`}
    <div class="frame">
    <header>
    <div class="masthead">
    <a class="brand" href="${view.path("/")}">${LEAF}${texts.product}</a>
    ${site.environment === undefined
      ? ""
      : html`<strong class="environment">${texts.environment(site.environment)}</strong>`}
    ${site.readOnly
      ? html`<strong class="environment" title="${texts.readOnlyHint}">${texts.readOnly}</strong>`
      : ""}
    </div>
    ${menu(view, current)}
    <div class="tools">
    ${preferenceForms(view)}
    ${keysButton(view)}
    ${account(view)}
    </div>
    </header>
    <main id="content" tabindex="-1">
    <h1>${title}</h1>
    ${body}
    </main>
    </div>
    ${keysDialog(view)}
      </body>
    </html>
  `;
}

function menu(view: View, current: string | undefined): Markup {
  const shown = MENU.filter(({ scope }) => view.can(scope));
  if (shown.length === 0) return html``;
  return html`
    <nav aria-label="${view.texts.menu}">
      <ul>${shown.map(({ path, text, key }) =>
        html`<li><a href="${view.path(path)}" data-key="g ${key}"${
          raw(path === current ? ' aria-current="page"' : "")
        }>${view.texts.nav[text]}</a></li>`
      )}</ul>
    </nav>
  `;
}

/** Who has signed in. Without authentication there is nobody to sign out. */
function account(view: View): Markup {
  const { caller, site, texts } = view;
  if (!caller || !site.secured) return html``;
  return html`
    <form class="account" method="post" action="${view.path("/sign-out")}">
      <span>${texts.signIn.signedIn(caller.name)}</span>
      <button>${texts.signIn.signOut}</button>
    </form>
  `;
}
