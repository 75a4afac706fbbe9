/** Refusing what a browser sends on behalf of another site. */
import type { MiddlewareHandler } from "hono";
import { Problem } from "../problem.ts";

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** A page of another site can make a browser POST without a body to an API that only this machine reaches.
 * Browsers say so in `Sec-Fetch-Site`; programs do not send that header. */
export const refuseCrossSite: MiddlewareHandler = async (c, next) => {
  if (c.req.header("sec-fetch-site") === "cross-site" && !SAFE.has(c.req.method)) {
    throw new Problem(
      "cross-site",
      `Cannot accept a ${c.req.method} from a page of another site: call from your own server`,
    );
  }
  await next();
};
