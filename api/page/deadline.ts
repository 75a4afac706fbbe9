/** The time limit of a page. */
import type { MiddlewareHandler } from "hono";
import { Unavailable } from "../../shared/errors.ts";
import { withTimeout } from "../../shared/runtime/waits.ts";

/** Milliseconds until a reader gets an answer: the connections of database and broker wait longer than people do. */
const PAGE_MS = 3000;

/** Answers reads with a problem when their data does not arrive in time. A change is not interrupted.
 *
 * @param ms limit in milliseconds. Default 3 s
 * @throws {Unavailable} */
export function limitTime(ms = PAGE_MS): MiddlewareHandler {
  const late = () =>
    new Unavailable(
      `Cannot show the page because its data did not arrive within ${
        ms / 1000
      } s: database and broker may be slow or down; try again later`,
    );
  return async (c, next) => {
    if (c.req.method === "POST") await next();
    else await withTimeout(ms, late, () => next());
  };
}
