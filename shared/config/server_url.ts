/** Detects a mistake in a server's URL that would reveal its password. */

/** The error for a URL with {@linkcode hasLateAt}. */
export const LATE_AT =
  "it has an '@' after its host: within user and password write '/' as %2F, '?' as %3F, '#' as %23 and ';' as %3B";

/** Whether an `@` follows the host. Then a `/`, `?` or `#` in the password ended the host too early, and the supposed path or
 * vhost, which logs may show, is a part of the password. Values of query parameters may contain an `@`.
 *
 * @example
 * ```ts
 * import { hasLateAt } from "./server_url.ts";
 * import { assert } from "@std/assert";
 *
 * assert(hasLateAt("amqp://me:12/34@rabbit/jobs"));
 * assert(!hasLateAt("amqp://me:12%2F34@rabbit/jobs"));
 * assert(!hasLateAt("postgres://me:12@db/app?user=me@azure"));
 * ```
 */
export function hasLateAt(url: string): boolean {
  const [, path = "", query = "", hash = ""] =
    /^[^:/?#]*:\/\/[^/?#]*([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(url) ?? [];
  return path.includes("@") || /^[^=]*@/.test(query) || hash.includes("@");
}
