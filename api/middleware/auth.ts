/** Authentication by a bearer token. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { Problem } from "../http/problem.ts";

/** Probes send no token. */
const OPEN: ReadonlySet<string> = new Set(["/livez", "/readyz"]);

/** Requires `Authorization: Bearer <token>`. Reads also accept the token as the password of Basic
 * authentication, so that a browser can open the reference page. Writes do not, because a browser also
 * sends such a password with requests from other sites. */
export function requireToken(token: string): MiddlewareHandler {
  const expected = digest(token);
  return async (c, next) => {
    const { method, path } = c.req;
    const reading = method === "GET" || method === "HEAD";
    if (reading && OPEN.has(path)) return await next();
    const shown = shownToken(c.req.header("authorization") ?? "", reading);
    if (shown !== undefined && timingSafeEqual(digest(shown), expected)) return await next();
    // Separate headers, Basic first: otherwise Chromium shows no password prompt.
    const challenges = ['Bearer realm="celeriac"'];
    if (reading) challenges.unshift('Basic realm="celeriac", charset="UTF-8"');
    throw new Problem(
      "unauthorized",
      "Cannot authenticate the request because it has no valid token: send 'Authorization: Bearer <token>'",
      { headers: { "www-authenticate": challenges } },
    );
  };
}

function shownToken(header: string, reading: boolean): string | undefined {
  const [, scheme = "", credentials = ""] = /^(\S+) +(\S+)$/.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case "bearer":
      return credentials;
    case "basic":
      return reading ? passwordOf(credentials) : undefined;
  }
}

function passwordOf(credentials: string): string | undefined {
  try {
    const pair = new TextDecoder().decode(Uint8Array.fromBase64(credentials));
    return pair.slice(pair.indexOf(":") + 1);
  } catch {
    return undefined;
  }
}

/** Hashes to a fixed length for a comparison in constant time. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
