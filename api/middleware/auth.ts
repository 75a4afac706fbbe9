/** Who may ask: the holder of the token. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { Problem } from "../http/problem.ts";

/** Probes come without a token. */
const OPEN: ReadonlySet<string> = new Set(["/livez", "/readyz"]);

/** Requires `Authorization: Bearer <token>`. Reading also works with the token as the password of Basic
 * authentication, which is how a browser gets to the reference page; writing does not, as a browser sends
 * such a password along with requests that other sites make. */
export function requireToken(token: string): MiddlewareHandler {
  const expected = digest(token);
  return async (c, next) => {
    const { method, path } = c.req;
    const reading = method === "GET" || method === "HEAD";
    if (reading && OPEN.has(path)) return await next();
    const shown = shownToken(c.req.header("authorization") ?? "", reading);
    if (shown !== undefined && timingSafeEqual(digest(shown), expected)) return await next();
    // A line each and Basic first: Chromium asks for a password only so.
    const challenges = ['Bearer realm="celeriac"'];
    if (reading) challenges.unshift('Basic realm="celeriac", charset="UTF-8"');
    throw new Problem(
      "unauthorized",
      "Cannot answer without the token of this API: send it as 'Authorization: Bearer <token>'",
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

/** Of one length, so that comparing takes the same time whatever was shown. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
