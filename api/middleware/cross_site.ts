/** Refusing what a browser sends on behalf of another site. */
import type { MiddlewareHandler } from "hono";
import { Problem } from "../http/problem.ts";
import { nameOf } from "./hosts.ts";

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** A page of another site can make a browser POST without a body to an API that only this machine reaches.
 *
 * Browsers name the relation in `Sec-Fetch-Site`, which no page can change. Another port or subdomain is `same-site`, and may be a
 * stranger's. To plain HTTP beyond loopback they send `Origin` only. Programs send neither.
 *
 * @param names of this API, besides the one that the request is for */
export function refuseCrossSite(names: readonly string[]): MiddlewareHandler {
  const own = new Set(names.map(nameOf));
  return async (c, next) => {
    if (!SAFE.has(c.req.method)) {
      const site = c.req.header("sec-fetch-site");
      const origin = c.req.header("origin");
      const foreign = site === undefined
        ? origin !== undefined && !isOwn(origin, c.req.header("host"), own)
        : site !== "same-origin" && site !== "none";
      if (foreign) {
        throw new Problem(
          "cross-site",
          `Cannot accept a ${c.req.method} from a page of another site: call from your own server, or from a page of this host`,
        );
      }
    }
    await next();
  };
}

/** Whether an `Origin` is of the host that the request is for: a proxy may end TLS, so schemes may differ. */
function isOwn(origin: string, host: string | undefined, own: ReadonlySet<string>): boolean {
  const [, authority = ""] = /^https?:\/\/([^/]+)$/.exec(origin) ?? [];
  return authority !== "" && (authority === host?.toLowerCase() || own.has(nameOf(authority)));
}
