/** `/audit`: the audit log. */
import { Hono } from "hono";
import { html } from "hono/html";
import type { AuditLog, AuditRow } from "../../access/audit_log.ts";
import { AuditQuery } from "../../routes/audit.ts";
import { parseQuery } from "../../http/query.ts";
import { answerPage } from "../view/layout.ts";
import { cardTable, hrefOf, nextLink } from "../view/parts.ts";
import { type Markup, type Site, View } from "../view/view.ts";

/** Dependencies of the route. */
export interface AuditRoutesParts {
  readonly audit: Pick<AuditLog, "list">;
  readonly site: Site;
}

/** Rows of a page. */
const ROWS = 100;

/** Conditions of the page. */
const FIELDS = ["caller", "action", "target"] as const;

type Given = { readonly [Field in typeof FIELDS[number]]?: string };

/** Serves the page. */
export function auditRoutes({ audit, site }: AuditRoutesParts): Hono {
  return new Hono().get("/audit", async (c) => {
    // An empty field of the form is no condition.
    const query = Object.entries(c.req.queries()).filter(([, values]) => values.join("") !== "");
    const { cursor, limit: _, ...conditions } = parseQuery(AuditQuery, Object.fromEntries(query));
    const given: Given = Object.fromEntries(
      Object.entries(conditions).filter(([, value]) => value !== undefined),
    );
    const rows = await audit.list(given, {
      limit: ROWS + 1,
      ...(cursor !== undefined && { before: cursor }),
    });
    const view = new View(c, site);
    const shown = rows.slice(0, ROWS);
    return answerPage(c, view, {
      title: view.texts.audit.title,
      current: "/audit",
      body: auditPage(view, shown, given, rows.length > ROWS ? shown.at(-1)!.id : null),
    });
  });
}

function auditPage(
  view: View,
  rows: readonly AuditRow[],
  given: Given,
  next: string | null,
): Markup {
  const { audit: words } = view.texts;
  const filtered = (field: typeof FIELDS[number], value: string | null, text = value) =>
    value === null
      ? "–"
      : html`<a href="${hrefOf(view, "/audit", { ...given, [field]: value })}">${text}</a>`;
  const titles = [
    words.at,
    words.caller,
    words.action,
    words.target,
    words.filter,
    words.count,
    words.status,
    words.address,
  ];
  return html`<form class="fields" role="search" action="${view.path("/audit")}">
${
    FIELDS.map((name, index) =>
      html`<label>${words[name]} <input name="${name}" value="${
        given[name] ?? ""
      }" spellcheck="false" data-key="${index === 0 ? "/" : ""}"></label>`
    )
  }
<button>${words.search}</button> <a href="${view.path("/audit")}">${words.clear}</a>
</form>
${
    rows.length === 0 ? html`<p class="empty">${words.empty}</p>` : cardTable(
      titles,
      rows.map((row) => [
        view.time(row.at),
        filtered("caller", row.caller, row.callerName),
        filtered("action", row.action),
        filtered("target", row.target),
        row.filter === null ? "–" : html`<code>${JSON.stringify(row.filter)}</code>`,
        row.count ?? "–",
        row.status ?? "–",
        row.address ?? "–",
      ]),
    )
  }
${nextLink(view, "/audit", given, next)}`;
}
