/** `/sign-in` and `/sign-out`: sessions of browsers. */
import { Hono } from "hono";
import { html } from "hono/html";
import { z } from "zod";
import { type AuditCounter, NOBODY } from "../access/audit_counter.ts";
import { addressOf } from "../access/audit_trail.ts";
import type { Authenticator } from "../access/authenticator.ts";
import { endSession, fitsSession, requireSameOrigin, startSession } from "../access/session.ts";
import { localPath, readForm } from "./form.ts";
import { answerPage } from "./view/layout.ts";
import { command } from "./view/parts.ts";
import { type Markup, type Site, View } from "./view/view.ts";

/** Dependencies of the routes. */
export interface SignInParts {
  readonly authenticator: Pick<Authenticator, "authenticate" | "secured">;
  /** Counts refused attempts for the audit log. */
  readonly counter: Pick<AuditCounter, "refuse">;
  readonly site: Site;
}

const SignIn = z.object({
  key: z.string().min(1).max(8192),
  next: z.string().max(4096).optional(),
});

/** Starts and ends sessions. The cookie holds the key: a revoked key ends its sessions, and nothing is stored on the server. */
export function signInRoutes({ authenticator, counter, site }: SignInParts): Hono {
  return new Hono()
    .get("/sign-in", (c) => {
      const view = new View(c, site);
      return answerPage(c, view, {
        title: view.texts.signIn.title,
        body: form(view, localPath(c.req.query("next"))),
      });
    })
    .post("/sign-in", async (c) => {
      // Otherwise a page of another site could sign its visitor in with a key of its own.
      requireSameOrigin(c);
      const { key, next } = await readForm(c, SignIn);
      const token = key.trim();
      const path = localPath(next);
      const { caller, reason, former = NOBODY } = await authenticator.authenticate(
        `Bearer ${token}`,
        false,
      );
      const view = new View(c, site);
      if (caller && !fitsSession(token)) {
        return answerPage(c, view, {
          title: view.texts.signIn.title,
          status: 422,
          body: form(view, path, view.texts.signIn.tooLong),
        });
      }
      if (caller) {
        startSession(c, token);
        return c.redirect(view.path(path), 303);
      }
      counter.refuse({
        caller: former,
        status: 401,
        action: "POST /sign-in",
        address: addressOf(c),
      });
      return answerPage(c, view, {
        title: view.texts.signIn.title,
        status: 401,
        body: form(view, path, reason),
      });
    })
    .post("/sign-out", (c) => {
      endSession(c);
      return c.redirect(new View(c, site).path("/sign-in"), 303);
    });
}

function form(view: View, next: string, reason?: string): Markup {
  const { signIn } = view.texts;
  return html`<form class="narrow" method="post" action="${view.path("/sign-in")}">
<p>${signIn.explanation}</p>
${reason === undefined ? "" : html`<p class="warning" role="alert">${signIn.refused(reason)}</p>`}
<input type="hidden" name="next" value="${next}">
<input name="account" value="${view.texts.product}" autocomplete="username" readonly hidden>
<label for="key">${signIn.key}</label>
<input id="key" name="key" type="password" required autocomplete="current-password" spellcheck="false" autofocus>
<button class="primary">${signIn.submit}</button>
</form>
<p class="soft">${signIn.command}</p>
${
    command(
      "deno task cli key create my-browser --scopes 'tasks:read,tasks:read-data,tasks:cancel,reference:read'",
    )
  }`;
}
