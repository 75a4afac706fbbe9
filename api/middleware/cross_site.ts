/** Protection against requests from pages of other sites (CSRF). */
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { Problem } from "../http/problem.ts";
import { nameOf } from "./hosts.ts";

/** Safe methods (RFC 9110, section 9.2.1). */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** A page of another site can make a browser send a POST to an API that only this machine can reach.
 *
 * Browsers report the relation in `Sec-Fetch-Site`, which no page can change. `same-site` means another port or subdomain, which may
 * belong to someone else. For plain HTTP outside loopback, browsers send only `Origin`. Programs send neither.
 *
 * @param names of this API, in addition to the host of the request
 * @param origins of other sites whose pages may call it. Default none */
export function refuseCrossSite(
  names: readonly string[],
  origins: readonly string[] = [],
): MiddlewareHandler {
  const own = new Set(names.map(nameOf));
  const allowed = new Set(origins);
  return async (c, next) => {
    if (!SAFE.has(c.req.method)) {
      const site = c.req.header("sec-fetch-site");
      const origin = c.req.header("origin");
      const foreign = site === undefined
        ? origin !== undefined && !isOwn(origin, c.req.header("host"), own)
        : site !== "same-origin" && site !== "none";
      if (foreign && !(origin !== undefined && allowed.has(origin))) {
        throw new Problem(
          "cross-site",
          `Cannot accept a ${c.req.method} from a page of another site: call from your own server or a page of this host, or add its origin to CELERIAC_ALLOWED_ORIGINS`,
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

/** Response headers that pages of other sites may read, besides those that browsers always show. */
const EXPOSED = [
  "ETag",
  "Link",
  "Location",
  "Preference-Applied",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "X-Request-Id",
];

/** Seconds for which a browser remembers the answer to a preflight. */
const PREFLIGHT_SECONDS = 600;

/** Lets pages of other sites call the API (CORS) and read its responses. They need a token of their own: the browser sends none for
 * them.
 *
 * @param origins exact origins, such as `https://app.example` */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: [...origins],
    allowMethods: ["GET", "HEAD", "POST", "PUT", "DELETE"],
    exposeHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
  });
}
