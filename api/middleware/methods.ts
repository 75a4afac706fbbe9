/** Responds with 405 if a path exists, but not its method. */
import type { Hono } from "hono";
import { METHOD_NAME_ALL } from "hono/router";
import { Problem } from "../http/problem.ts";

/** Adds a 405 response with `Allow` for all other methods of the routes so far (RFC 9110, section 15.5.6).
 * A parameter needs the same name in all methods of a path; otherwise Hono uses its slower router. */
export function refuseOtherMethods(app: Hono): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === METHOD_NAME_ALL) continue;
    methods.set(path, (methods.get(path) ?? new Set()).add(method));
  }
  for (const [path, known] of methods) {
    if (known.has("GET")) known.add("HEAD");
    const allow = [...known].sort().join(", ");
    app.all(path, (c) => {
      throw new Problem("method-not-allowed", `Cannot ${c.req.method} here: use ${allow}`, {
        headers: { allow },
      });
    });
  }
}
