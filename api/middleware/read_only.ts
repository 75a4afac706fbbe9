/** The read-only page: `CELERIAC_UI_READ_ONLY`. */
import type { Context, MiddlewareHandler } from "hono";
import { PAGE_SCOPES } from "../access/page_scopes.ts";
import { ROUTE_SCOPES } from "../access/route_scopes.ts";
import { changes } from "../access/scopes.ts";
import { usesSession } from "../access/session.ts";
import { Problem } from "../http/problem.ts";
import { routeOf } from "./access.ts";

/** Refuses each request of the page that can change something: routes of the page, and routes of the API with the session of a browser.
 * Signing in and the choice of a language stay possible.
 *
 * @throws {Problem} `read-only` */
export function refuseChanges(): MiddlewareHandler {
  return async (c, next) => {
    const route = routeOf(c);
    if (route !== undefined && isOfPage(c, route) && changes(ROUTE_SCOPES[route])) {
      throw new Problem(
        "read-only",
        `Cannot ${c.req.method} ${c.req.path} because the page is read-only (CELERIAC_UI_READ_ONLY): use the CLI or the API with a key`,
      );
    }
    await next();
  };
}

function isOfPage(c: Context, route: string): boolean {
  return route in PAGE_SCOPES || usesSession(c);
}
