/** Access control: authentication, scopes and rate limits of every route, from one table. */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { METHOD_NAME_ALL } from "hono/router";
import { type AuditCounter, NOBODY, type RefusedCall } from "../access/audit_counter.ts";
import { actionOf, addressOf, type AuditTrail } from "../access/audit_trail.ts";
import type { Authentication, Authenticator } from "../access/authenticator.ts";
import type { Caller } from "../access/caller.ts";
import { TOKEN_IN_URL } from "../access/token.ts";
import { quotaHeaders, type RateLimiter } from "../access/rate_limit.ts";
import { setCaller, setRightsCheck } from "../access/request_caller.ts";
import { ROUTE_SCOPES } from "../access/route_scopes.ts";
import type { Required, Scope } from "../access/scopes.ts";
import { hasSession, sessionHeader, usesSession } from "../access/session.ts";
import { Problem } from "../http/problem.ts";

/** Dependencies of the middleware. */
export interface AccessParts {
  readonly authenticator: Authenticator;
  readonly limiter: RateLimiter;
  readonly trail: AuditTrail;
  /** Counts refused calls for the audit log. */
  readonly counter: Pick<AuditCounter, "refuse">;
}

/** Methods that change nothing. */
const READING: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Requires credentials with the scopes of the route. A route that the table lacks is refused for everyone but the operator. */
export function requireAccess(parts: AccessParts): MiddlewareHandler {
  const { authenticator, limiter, trail, counter } = parts;
  return async (c, next) => {
    const reading = READING.has(c.req.method);
    const route = routeOf(c);
    const required = route === undefined ? [] : ROUTE_SCOPES[route];
    if (required === "open") return await next();
    const refuse = (caller: RefusedCall["caller"], status: number) =>
      counter.refuse({ caller, status, action: actionOf(route), address: addressOf(c) });
    const { caller, reason, former = NOBODY } = TOKEN_IN_URL.test(c.req.url)
      ? IN_URL
      : await authenticator.authenticate(credentialsOf(c, reading), reading);
    if (!caller) {
      refuse(former, 401);
      throw unauthorized(reason, reading);
    }
    // Before the checks: the page of an error shows who has signed in.
    setCaller(c, caller);
    setRightsCheck(c, () => authenticator.isCurrent(caller));
    try {
      limitRate(c, caller, limiter);
      requireScopes(c, caller, required);
    } catch (problem) {
      refuse(caller, (problem as Problem).status);
      throw problem;
    }
    await next();
    // Shared caches leave out responses to `Authorization`, but not those to cookies.
    if (hasSession(c) && !c.res.headers.has("cache-control")) {
      c.header("cache-control", "no-store");
    }
    // The patterns of tasks and queues are checked by the routes.
    if (c.res.status === 403 && !trail.hasBegun(c)) refuse(caller, 403);
    if (!reading) await trail.end(c);
  };
}

/** URLs end up in the logs of proxies and in the history of browsers. */
const IN_URL: Authentication = {
  reason: "its URL contains a token, which proxies log: replace the token, and remove it there",
};

/** The header `Authorization`, or the session of a browser. */
function credentialsOf(c: Context, reading: boolean): string | undefined {
  return usesSession(c) ? sessionHeader(c, reading) : c.req.header("authorization");
}

/** Method and path of the route that will answer; `undefined` for an unknown path or method. */
export function routeOf(c: Context): string | undefined {
  const found = matchedRoutes(c).find(({ method }) => method !== METHOD_NAME_ALL);
  return found && `${found.method} ${found.path}`;
}

function requireScopes(c: Context, caller: Caller, required: Required | undefined): void {
  if (required === "open") return;
  const missing = required?.find((scope) => !caller.has(scope));
  if (required === undefined && !caller.rights.scopes.includes("*")) {
    throw forbidden(c, caller, "*");
  }
  if (missing !== undefined) throw forbidden(c, caller, missing);
}

function limitRate(c: Context, caller: Caller, limiter: RateLimiter): void {
  const { requestsPerMinute } = caller.rights;
  if (requestsPerMinute === null) return;
  const quota = limiter.take(caller.id, requestsPerMinute);
  const headers = quotaHeaders(quota);
  if (quota.allowed) {
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    return;
  }
  throw new Problem(
    "rate-limited",
    `Cannot accept the request because '${caller.name}' may send ${quota.limit} requests per minute: try again in ${quota.resetSeconds} s, or submit tasks in batches`,
    { headers },
  );
}

function unauthorized(reason: string, reading: boolean): Problem {
  // Separate headers, Basic first: otherwise Chromium shows no password prompt.
  const challenges = ['Bearer realm="celeriac"'];
  if (reading) challenges.unshift('Basic realm="celeriac", charset="UTF-8"');
  return new Problem(
    "unauthorized",
    `Cannot authenticate the request because ${reason}: send 'Authorization: Bearer <token>'`,
    { headers: { "www-authenticate": challenges } },
  );
}

/** @throws {Problem} with the challenge of RFC 6750, section 3.1 */
function forbidden(c: Context, caller: Caller, scope: Scope | "*"): Problem {
  return new Problem(
    "forbidden",
    `Cannot ${c.req.method} ${c.req.path} because '${caller.name}' lacks the scope '${scope}': use a key that has it`,
    {
      headers: {
        "www-authenticate": `Bearer realm="celeriac", error="insufficient_scope", scope="${scope}"`,
      },
    },
  );
}
