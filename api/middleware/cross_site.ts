/** Protection against requests from pages of other sites (CSRF). */
import type { MiddlewareHandler } from "hono";
import { Problem } from "../http/problem.ts";
import { nameOf } from "./hosts.ts";

/** Safe methods (RFC 9110, section 9.2.1). */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** A page of another site can make a browser send a POST to an API that only this machine can reach.
 *
 * Browsers report the relation in `Sec-Fetch-Site`, which no page can change. `same-site` means another port or subdomain, which may
 * belong to someone else. For plain HTTP outside loopback, browsers send only `Origin`. Programs send neither.
 *
 * @param names of this API, in addition to the host of the request */
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

/** Whether an `Origin` has the host of the request. Schemes may differ, because a proxy may terminate TLS. */
function isOwn(origin: string, host: string | undefined, own: ReadonlySet<string>): boolean {
  const [, authority = ""] = /^https?:\/\/([^/]+)$/.exec(origin) ?? [];
  return authority !== "" && (authority === host?.toLowerCase() || own.has(nameOf(authority)));
}
