/** Checks the host name of requests: protection against DNS rebinding. */
import type { MiddlewareHandler } from "hono";
import { Problem } from "../http/problem.ts";

/** Probes use a pod's address. */
const OPEN: ReadonlySet<string> = new Set(["/livez", "/readyz"]);

/** Loopback names and addresses (RFC 6761, section 6.3). */
const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether a host name or address is loopback.
 *
 * @example
 * ```ts
 * import { isLoopback } from "./hosts.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const names = ["localhost", "127.0.0.1", "[::1]", "localhost.example"];
 * assertEquals(names.map(isLoopback), [true, true, true, false]);
 * ```
 */
export function isLoopback(name: string): boolean {
  return LOOPBACK.test(name);
}

/** The host name of a `Host` header or an origin, without the port. */
export function nameOf(host: string): string {
  return host.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
}

/** Rejects requests for hosts other than loopback and `names`.
 *
 * A malicious page can make its own host name resolve to 127.0.0.1. For the browser the page then has the same origin as an API
 * without a token, but its requests still contain the foreign host name. */
export function requireHost(names: readonly string[]): MiddlewareHandler {
  const allowed = new Set(names.map(nameOf));
  return async (c, next) => {
    const host = c.req.header("host");
    const name = host === undefined ? undefined : nameOf(host);
    // Every browser sends this header.
    const known = name === undefined || isLoopback(name) || allowed.has(name);
    if (known || OPEN.has(c.req.path)) return await next();
    throw new Problem(
      "wrong-host",
      `Cannot answer for host '${name}' because only loopback names and CELERIAC_ALLOWED_HOSTS are served: add the name to CELERIAC_ALLOWED_HOSTS`,
    );
  };
}
