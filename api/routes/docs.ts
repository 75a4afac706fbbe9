/** `/docs`, `/openapi.json` and `/problems/{kind}`: the documentation of the API. */
import { createHash } from "node:crypto";
import { Hono } from "hono";
import { type Answer, conditionalAnswer, etagOf } from "../http/conditional.ts";
import {
  type DocumentOptions,
  type OpenApiDocument,
  openApiDocument,
} from "../openapi/document.ts";
import { referencePage } from "../openapi/page.ts";
import { STYLE } from "../openapi/style.ts";

/** Content-Security-Policy source of the style sheet: its hash. */
export const STYLE_SOURCE = `'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`;

const HTML = "text/html; charset=UTF-8";

/** Serves document and pages. Each is generated once, at the first request; the reference page once per origin.
 *
 * @param basePath path below which a proxy publishes the API. Default: none */
export function docsRoutes(options: DocumentOptions, basePath = ""): Hono {
  const description = new Description(options);
  return new Hono()
    .get("/docs", async (c) => {
      const answer = await description.page(new URL(c.req.url).origin + basePath);
      return conditionalAnswer(c, answer, { "content-type": HTML, "cache-control": "no-cache" });
    })
    .get("/openapi.json", async (c) => {
      const { answer } = await description.document();
      return conditionalAnswer(c, answer, {
        "content-type": "application/json",
        "cache-control": "no-cache",
      });
    })
    .get(
      "/problems/:kind",
      (c) => c.redirect(`${basePath}/docs#problem-${encodeURIComponent(c.req.param("kind"))}`),
    );
}

/** Generates document and page once. */
class Description {
  readonly #options: DocumentOptions;
  #document: Promise<{ document: OpenApiDocument; answer: Answer }> | undefined;
  #page: { base: string; answer: Promise<Answer> } | undefined;

  constructor(options: DocumentOptions) {
    this.#options = options;
  }

  document(): Promise<{ document: OpenApiDocument; answer: Answer }> {
    return this.#document ??= this.#write();
  }

  page(base: string): Promise<Answer> {
    if (this.#page?.base !== base) this.#page = { base, answer: this.#draw(base) };
    return this.#page.answer;
  }

  async #write() {
    const document = await openApiDocument(this.#options);
    const body = JSON.stringify(document);
    return { document, answer: { body, etag: etagOf(body) } };
  }

  async #draw(base: string): Promise<Answer> {
    const { document } = await this.document();
    const body = await referencePage({ document, registry: this.#options.registry, base });
    return { body, etag: etagOf(body) };
  }
}
