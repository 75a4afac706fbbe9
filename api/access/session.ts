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

/** Name of the cookie for the host of a request. */
function nameFor(c: Context): string {
  return isPlainLoopback(c) ? LOOPBACK_NAME : NAME;
}

/** Whether a request comes from this machine without TLS. A proxy that terminates TLS serves another host. */
function isPlainLoopback(c: Context): boolean {
  const host = c.req.header("host") ?? new URL(c.req.url).host;
  return isLoopback(nameOf(host)) && new URL(c.req.url).protocol === "http:";
}

function optionsFor(c: Context): CookieOptions {
  return { path: "/", httpOnly: true, sameSite: "Strict", secure: !isPlainLoopback(c) };
}

/** Starts a session. It ends with the browser, and when the key ends. */
export function startSession(c: Context, token: string): void {
  setCookie(c, nameFor(c), token, optionsFor(c));
}

/** Ends the session of a browser, if there is one. */
export function endSession(c: Context): void {
  deleteCookie(c, nameFor(c), optionsFor(c));
}

/** Whether the request belongs to a session. */
export function hasSession(c: Context): boolean {
  return getCookie(c, nameFor(c)) !== undefined;
}

/** The session's key as the value of an `Authorization` header; `undefined` without a session.
 *
 * @param reading whether the request only reads
 * @throws {Problem} `cross-site` for a change that does not come from a page of this origin */
export function sessionHeader(c: Context, reading: boolean): string | undefined {
  const token = getCookie(c, nameFor(c));
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
