/** `/`, `/docs`, `/openapi.json` and `/problems/{kind}`: the API described by itself. */
import { createHash } from "node:crypto";
import { Hono } from "hono";
import { type DocumentOptions, openApiDocument } from "../openapi/document.ts";
import { referencePage } from "../openapi/page.ts";
import { STYLE } from "../openapi/style.ts";

/** Source of the page's style for a Content-Security-Policy: this very style sheet and no other. */
export const STYLE_SOURCE = `'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`;

/** Serves the description. The document is written once, when first asked for. */
export function docsRoutes(options: DocumentOptions): Hono {
  let written: { document: ReturnType<typeof openApiDocument>; json: string } | undefined;
  const description = () => {
    if (!written) {
      const document = openApiDocument(options);
      written = { document, json: JSON.stringify(document) };
    }
    return written;
  };
  return new Hono()
    .get("/", (c) => c.redirect("/docs"))
    .get("/docs", (c) => c.html(referencePage(description().document, new URL(c.req.url).origin)))
    .get(
      "/openapi.json",
      (c) => c.body(description().json, 200, { "content-type": "application/json" }),
    )
    .get(
      "/problems/:kind",
      (c) => c.redirect(`/docs#problem-${encodeURIComponent(c.req.param("kind"))}`),
    );
}
