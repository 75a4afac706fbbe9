/** Conditional requests (RFC 9110, section 13). */
import { createHash } from "node:crypto";
import type { Context } from "hono";

/** A body and its strong ETag. */
export interface Answer {
  readonly body: string;
  readonly etag: string;
}

/** Computes the ETag of a body. */
export function etagOf(body: string): string {
  return `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
}

/** Responds with 304 if `If-None-Match` matches the body, otherwise with the body.
 *
 * @param headers with the body's `content-type` */
export function conditionalAnswer(
  c: Context,
  { body, etag }: Answer,
  { "content-type": type, ...headers }: Readonly<Record<string, string>>,
): Response {
  const known = c.req.header("if-none-match")?.split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""));
  if (known?.some((tag) => tag === etag || tag === "*")) {
    return c.body(null, 304, { ...headers, etag });
  }
  return c.body(body, 200, {
    ...headers,
    etag,
    ...(type !== undefined && { "content-type": type }),
  });
}
