/** The session of a browser: a cookie with the key that its user signed in with.
 *
 * Scripts cannot read the cookie, other sites cannot send it, and neither a subdomain nor a server without TLS can set it.
 * @module
 */
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { CookieOptions } from "hono/utils/cookie";
import { Problem } from "../http/problem.ts";
import { isLoopback, nameOf } from "../middleware/hosts.ts";

/** Browsers accept this name only with `Secure` and `Path=/`, and without `Domain`. */
const NAME = "__Host-celeriac";

/** On a loopback host without TLS, where browsers refuse `Secure` cookies. */
const LOOPBACK_NAME = "celeriac";

/** Whether the host of a request is loopback, without TLS. The browser may still use TLS: a proxy can send its own address as the host. */
function isPlainLoopback(c: Context): boolean {
  const host = c.req.header("host") ?? new URL(c.req.url).host;
  return isLoopback(nameOf(host)) && new URL(c.req.url).protocol === "http:";
}

const OPTIONS: CookieOptions = { path: "/", httpOnly: true, sameSite: "Strict", secure: true };
const LOOPBACK_OPTIONS: CookieOptions = { ...OPTIONS, secure: false };

/** Characters of a token that fit a cookie: browsers ignore cookies whose name and value have more than 4,096 bytes. */
const TOKEN_MAX = 4000;

/** Whether browsers keep a session with this token. JWTs with many claims may be too long. */
export function fitsSession(token: string): boolean {
  return encodeURIComponent(token).length <= TOKEN_MAX;
}

/** Starts a session. It ends with the browser, and when the key ends. */
export function startSession(c: Context, token: string): void {
  // Browsers report their own view of the origin with every form.
  const isEncrypted = c.req.header("origin")?.startsWith("https:") ?? false;
  if (isPlainLoopback(c) && !isEncrypted) setCookie(c, LOOPBACK_NAME, token, LOOPBACK_OPTIONS);
  else setCookie(c, NAME, token, OPTIONS);
}

/** Ends the session of a browser, if there is one. */
export function endSession(c: Context): void {
  if (isPlainLoopback(c)) deleteCookie(c, LOOPBACK_NAME, LOOPBACK_OPTIONS);
  deleteCookie(c, NAME, OPTIONS);
}

/** The token of the session of a request; `undefined` without one. */
function tokenOf(c: Context): string | undefined {
  // Fast path: programs send no cookies.
  if (c.req.header("cookie") === undefined) return undefined;
  return getCookie(c, NAME) ?? (isPlainLoopback(c) ? getCookie(c, LOOPBACK_NAME) : undefined);
}

/** Whether the request belongs to a session. */
export function hasSession(c: Context): boolean {
  return tokenOf(c) !== undefined;
}

/** Whether a request authenticates with its session, and not with a header.
 *
 * A browser repeats a password (Basic) that it once sent, and a proxy may have one of its own: the session comes before it. */
export function usesSession(c: Context): boolean {
  const header = c.req.header("authorization");
  return hasSession(c) && (header === undefined || /^basic /i.test(header));
}

/** The session's key as the value of an `Authorization` header; `undefined` without a session.
 *
 * @param reading whether the request only reads
 * @throws {Problem} `cross-site` for a change that does not come from a page of this origin */
export function sessionHeader(c: Context, reading: boolean): string | undefined {
  const token = tokenOf(c);
  if (token === undefined) return undefined;
  if (!reading) requireSameOrigin(c);
  return `Bearer ${token}`;
}

/** Requires what only a browser sends, for a request from a page of the same origin.
 *
 * @throws {Problem} `cross-site` */
export function requireSameOrigin(c: Context): void {
  if (c.req.header("sec-fetch-site") === "same-origin") return;
  throw new Problem(
    "cross-site",
    "Cannot accept a change with a session because the browser does not report that a page of this origin sent it: open the page with https, or send 'Authorization: Bearer <key>'",
  );
}
