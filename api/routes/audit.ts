/** `GET /v1/audit`: the audit log. */
import { Hono } from "hono";
import { z } from "zod";
import type { AuditLog, AuditRow } from "../access/audit_log.ts";
import { label } from "../http/label.ts";
import { parseQuery } from "../http/query.ts";

/** Dependencies of the route. */
export interface AuditParts {
  readonly audit: Pick<AuditLog, "list">;
}

/** Query of the list, also for the OpenAPI document. */
export const AuditQuery = z.object({
  caller: label.describe("`root`, `open`, `key:ID` or `jwt:SUBJECT`"),
  action: label.describe("Scope that the call required, such as `tasks:cancel`"),
  target: label.describe("Id or name of the changed thing; the task's name for submissions"),
  limit: z.coerce.number().int().min(1).max(1000).describe("Entries per page; default 100"),
  cursor: z.string().regex(/^\d{1,18}$/, "expected `next` of a page").describe(
    "`next` of the previous page",
  ),
}).partial();

/** Lists the audit log, newest first. */
export function auditRoutes({ audit }: AuditParts): Hono {
  return new Hono().get("/audit", async (c) => {
    const { limit = 100, cursor, caller, action, target } = parseQuery(AuditQuery, c.req.queries());
    const rows = await audit.list(
      {
        ...(caller !== undefined && { caller }),
        ...(action !== undefined && { action }),
        ...(target !== undefined && { target }),
      },
      { limit: limit + 1, ...(cursor !== undefined && { before: cursor }) },
    );
    const shown = rows.slice(0, limit);
    const next = rows.length > limit ? shown.at(-1)!.id : null;
    return c.json({ entries: shown.map(entryBody), next }, 200, { "cache-control": "no-store" });
  });
}

function entryBody(row: AuditRow) {
  return {
    id: row.id,
    at: row.at,
    caller: row.caller,
    caller_name: row.callerName,
    action: row.action,
    method: row.method,
    path: row.path,
    target: row.target,
    filter: row.filter,
    count: row.count,
    status: row.status,
    address: row.address,
    request_id: row.requestId,
  };
}
