/** `/`, `/docs`, `/openapi.json` and `/problems/{kind}`: the API described by itself. */
import { createHash } from "node:crypto";
import { Hono } from "hono";
import { accepts } from "hono/accepts";
import { type Answer, conditionalAnswer, etagOf } from "../http/conditional.ts";
import {
  type DocumentOptions,
  type OpenApiDocument,
  openApiDocument,
} from "../openapi/document.ts";
import { indexBody, indexPage } from "../openapi/index_page.ts";
import { referencePage } from "../openapi/page.ts";
import { STYLE } from "../openapi/style.ts";

/** Source of the pages' style for a Content-Security-Policy: this very style sheet and no other. */
export const STYLE_SOURCE = `'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`;

const HTML = "text/html; charset=UTF-8";

/** Serves the description. The document is written once, when it is first asked for, and so is the page for one origin. */
export function docsRoutes(options: DocumentOptions): Hono {
  const description = new Description(options);
  return new Hono()
    .get("/", (c) => {
      const { registry, version } = options;
      const supports = ["text/html", "application/json"];
      const type = accepts(c, { header: "Accept", supports, default: "text/html" });
      c.header("vary", "Accept");
      return type === "text/html"
        ? c.html(indexPage(registry, version))
        : c.json(indexBody(registry, version));
    })
    .get("/docs", async (c) => {
      const answer = await description.page(new URL(c.req.url).origin);
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
      (c) => c.redirect(`/docs#problem-${encodeURIComponent(c.req.param("kind"))}`),
    );
}

/** The document and the page, each written once for all who ask. */
class Description {
  readonly #options: DocumentOptions;
  #document: Promise<{ document: OpenApiDocument; answer: Answer }> | undefined;
  #page: { origin: string; answer: Promise<Answer> } | undefined;

  constructor(options: DocumentOptions) {
    this.#options = options;
  }

  document(): Promise<{ document: OpenApiDocument; answer: Answer }> {
    return this.#document ??= this.#write();
  }

  page(origin: string): Promise<Answer> {
    if (this.#page?.origin !== origin) this.#page = { origin, answer: this.#draw(origin) };
    return this.#page.answer;
  }

  async #write() {
    const document = await openApiDocument(this.#options);
    const body = JSON.stringify(document);
    return { document, answer: { body, etag: etagOf(body) } };
  }

  async #draw(origin: string): Promise<Answer> {
    const { document } = await this.document();
    const body = await referencePage({ document, registry: this.#options.registry, origin });
    return { body, etag: etagOf(body) };
  }
}
