/** Which names the API answers by: a defence against DNS rebinding. */
import type { MiddlewareHandler } from "hono";
import { Problem } from "../http/problem.ts";

/** Probes come by a pod's address. */
const OPEN: ReadonlySet<string> = new Set(["/livez", "/readyz"]);

/** Names and addresses that only this machine has (RFC 6761, section 6.3). */
const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether a host name or address is this machine's own.
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

/** The name in a `Host` header or an origin's authority, without its port. */
export function nameOf(host: string): string {
  return host.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
}

/** Refuses requests for other names than loopback's and these.
 *
 * The page of a stranger can make its own name lead to 127.0.0.1. To the browser it then is of the same origin as an API
 * without a token, but its requests still carry the stranger's name. */
export function requireHost(names: readonly string[]): MiddlewareHandler {
  const allowed = new Set(names.map(nameOf));
  return async (c, next) => {
    const host = c.req.header("host");
    const name = host === undefined ? undefined : nameOf(host);
    // Every browser sends the header.
    const known = name === undefined || isLoopback(name) || allowed.has(name);
    if (known || OPEN.has(c.req.path)) return await next();
    throw new Problem(
      "wrong-host",
      `Cannot answer for host '${name}' because only loopback names and CELERIAC_ALLOWED_HOSTS are served: add the name to CELERIAC_ALLOWED_HOSTS`,
    );
  };
}
