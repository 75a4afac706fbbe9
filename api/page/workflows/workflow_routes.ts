/** `/workflows` and below: the list of workflows, and one workflow. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { WorkflowListing } from "../../../shared/workflows/listing.ts";
import type { Workflows } from "../../../shared/workflows/store.ts";
import { callerOf } from "../../access/request_caller.ts";
import { isLabel } from "../../http/label.ts";
import { noRecord, parseQuery } from "../../http/query.ts";
import { seesTasks } from "../../reading/visible_record.ts";
import { answerPage } from "../view/layout.ts";
import { type Site, View } from "../view/view.ts";
import { workflowPage, workflowsPage } from "./workflow_pages.ts";

/** Dependencies of the routes. */
export interface WorkflowRoutesParts {
  readonly workflows: Pick<Workflows, "find">;
  readonly workflowListing: Pick<WorkflowListing, "list">;
  readonly site: Site;
  /** A command that submits a workflow. */
  readonly workflowExample: (c: Context) => string;
}

/** Rows of a page. */
const ROWS = 20;

const Query = z.object({ cursor: z.string().max(500) }).partial();

/** Serves the pages. */
export function workflowRoutes(parts: WorkflowRoutesParts): Hono {
  const { workflows, workflowListing, site, workflowExample } = parts;
  return new Hono()
    .get("/workflows", async (c) => {
      const { cursor } = parseQuery(Query, c.req.queries());
      const page = await workflowListing.list(ROWS, cursor);
      const caller = callerOf(c);
      const visible = page.workflows.filter(({ names }) =>
        names === null ? caller.seesEverything : seesTasks(caller, names)
      );
      const view = new View(c, site);
      return answerPage(c, view, {
        title: view.texts.workflows.title,
        current: "/workflows",
        body: workflowsPage(view, { ...page, workflows: visible }, {
          example: workflowExample(c),
          isOlder: cursor !== undefined,
        }),
      });
    })
    .get("/workflows/:workflow", async (c) => {
      const id = c.req.param("workflow");
      const record = isLabel(id) ? await workflows.find(id) : undefined;
      if (!record || !seesTasks(callerOf(c), record.tasks.map(({ name }) => name))) {
        throw noRecord(id);
      }
      const view = new View(c, site);
      return answerPage(c, view, {
        title: view.texts.workflows.one,
        current: "/workflows",
        body: workflowPage(view, record),
      });
    });
}
