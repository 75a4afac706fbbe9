/** Errors as pages, for browsers. */
import type { Context, ErrorHandler } from "hono";
import { accepts } from "hono/accepts";
import { html } from "hono/html";
import { PAGE_SCOPES } from "../access/page_scopes.ts";
import { endSession, hasSession } from "../access/session.ts";
import { answerError, PROBLEMS, toProblem } from "../http/problem.ts";
import { routeOf } from "../middleware/access.ts";
import { answerPage } from "./view/layout.ts";
import { type Site, View } from "./view/view.ts";

/** Whether a request is for the page and not for the API. Programs that accept any type get JSON. An unknown path may be a mistyped page. */
function isForPage(c: Context): boolean {
  const route = routeOf(c);
  const isPage = route === undefined
    ? !c.req.path.startsWith("/v1/")
    : route === "GET /" || route in PAGE_SCOPES;
  if (!isPage) return false;
  const supports = ["application/json", "text/html"];
  return accepts(c, { header: "Accept", supports, default: "application/json" }) === "text/html";
}

/** An error handler: pages for browsers, problem documents for everyone else. Without credentials a browser gets to the page to sign
 * in. */
export function answerPageError(site: Site): ErrorHandler {
  return async (error, c) => {
    if (!isForPage(c)) return answerError(error, c);
    const problem = toProblem(error);
    const view = new View(c, site);
    if (problem.status === 401) return signIn(c, view);
    for (const [name, values] of Object.entries(problem.headers)) {
      for (const value of [values].flat()) c.header(name, value);
    }
    return await answerPage(c, view, {
      title: PROBLEMS[problem.kind].title,
      status: problem.status,
      body: html`<p class="warning" role="alert" lang="en">${problem.body.detail}</p>
${
        problem.errors.length === 0
          ? ""
          : html`<ul lang="en">${
            problem.errors.map(({ field, message }) =>
              html`<li><code>${field}</code>: ${message}</li>`
            )
          }</ul>`
      }
<p><a href="${view.path("/")}">${view.texts.problem.back}</a></p>`,
    });
  };
}

/** Leads to the page to sign in, and back afterwards. A part of a page cannot show that page: htmx then loads it as a whole.
 *
 * The session has ended, so its cookie is removed. An open API needs none: a cookie may be left over from another one on this host. */
function signIn(c: Context, view: View): Response {
  const isPart = c.req.header("hx-request") !== undefined;
  const isPage = c.req.method === "GET" && !isPart;
  const isLeftOver = hasSession(c) && !view.site.secured;
  if (hasSession(c)) endSession(c);
  const next = isPage ? `?${new URLSearchParams({ next: view.here })}` : "";
  const target = view.path(isLeftOver ? (isPage ? view.here : "/") : `/sign-in${next}`);
  if (!isPart) return c.redirect(target, 303);
  return c.body(null, 200, { "hx-redirect": target });
}
