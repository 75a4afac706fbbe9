/** `/keys` and below: the list of keys, creating, rotating and revoking them. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { CreatedKey, KeyActions } from "../../actions/key_actions.ts";
import { KeyBody, readKeyBody } from "../../access/key_body.ts";
import { isKeyId } from "../../access/token.ts";
import { parseQuery } from "../../http/query.ts";
import { readForm } from "../form.ts";
import { answerPage } from "../view/layout.ts";
import { PageQuery } from "../view/page_query.ts";
import { type Site, View } from "../view/view.ts";
import { createdPage, keysPage } from "./key_pages.ts";

/** Dependencies of the routes. */
export interface KeyRoutesParts {
  readonly keyActions: KeyActions;
  readonly clock: Clock;
  readonly site: Site;
}

/** Rows of a page. */
const ROWS = 100;

const DAY_SECONDS = 86_400;

/** Fields with several values have one per line. */
const KeyForm = z.object({
  id: z.string().refine(isKeyId, "expected the id that the form contains").optional(),
  name: z.string().trim(),
  scopes: z.string(),
  tasks: z.string().optional(),
  queues: z.string().optional(),
  days: z.string().regex(/^\d{0,5}$/, "expected a whole number of days").optional(),
});

/** Serves the pages of keys. */
export function keyRoutes({ keyActions: actions, clock, site }: KeyRoutesParts): Hono {
  const created = (c: Context, key: CreatedKey) => {
    const view = new View(c, site);
    // Not a redirect: the token is in this response alone.
    return answerPage(c, view, {
      title: view.texts.apiKeys.token,
      current: "/keys",
      status: 201,
      body: createdPage(view, key),
    });
  };

  return new Hono()
    .get("/keys", async (c) => {
      const { cursor, done } = parseQuery(PageQuery, c.req.queries());
      const view = new View(c, site);
      const page = await actions.list({
        limit: ROWS,
        ...(cursor !== undefined && { after: cursor }),
      });
      return answerPage(c, view, {
        title: view.texts.apiKeys.title,
        current: "/keys",
        body: keysPage(view, { ...page, now: clock.now(), done }),
      });
    })
    .post("/keys", async (c) => {
      const { id, name, scopes, tasks, queues, days } = await readForm(c, KeyForm);
      const body = readKeyBody(KeyBody, {
        name,
        scopes: linesOf(scopes),
        ...(linesOf(tasks).length > 0 && { tasks: linesOf(tasks) }),
        ...(linesOf(queues).length > 0 && { queues: linesOf(queues) }),
        ...(days && { expires_in: Number(days) * DAY_SECONDS }),
      });
      return await created(c, await actions.create(c, body, id));
    })
    .post("/keys/:key/rotate", async (c) => {
      return await created(c, await actions.rotate(c, c.req.param("key")));
    })
    .post("/keys/:key/revoke", async (c) => {
      await actions.revoke(c, c.req.param("key"));
      return c.redirect(new View(c, site).path("/keys?done=keyRevoked"), 303);
    });
}

/** The lines of a text field, without empty ones. */
function linesOf(text = ""): string[] {
  return text.split(/[\r\n,]+/).map((line) => line.trim()).filter((line) => line !== "");
}
