/** A mistake in a server's URL that would show its password. */

/** What is wrong with a URL for which {@linkcode hasLateAt} holds. */
export const LATE_AT =
  "it has an '@' after its host: within user and password write '/' as %2F, '?' as %3F, '#' as %23 and ';' as %3B";

/** Whether an `@` stands behind the host: then a `/`, `?` or `#` of the password has ended the host too early, and what is
 * taken for a path or a vhost, which logs may show, is a part of the password. Values of query parameters may have an `@`.
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
