/** 405 where a path exists and its method does not. */
import type { Hono } from "hono";
import { METHOD_NAME_ALL } from "hono/router";
import { Problem } from "../problem.ts";

/** Answers every other method of the routes so far with 405 and `Allow` (RFC 9110, section 15.5.6). */
export function refuseOtherMethods(app: Hono): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === METHOD_NAME_ALL) continue;
    // What a parameter is called may differ from method to method.
    const pattern = path.replaceAll(/\/:[^/{]+/g, "/:task");
    methods.set(pattern, (methods.get(pattern) ?? new Set()).add(method));
  }
  for (const [pattern, known] of methods) {
    if (known.has("GET")) known.add("HEAD");
    const allow = [...known].sort().join(", ");
    app.all(pattern, (c) => {
      throw new Problem("method-not-allowed", `Cannot ${c.req.method} here: use ${allow}`, {
        headers: { allow },
      });
    });
  }
}
