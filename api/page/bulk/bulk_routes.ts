/** `/tasks:bulk`, `/tasks:ACTION` and `/jobs`: changes of many tasks. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import {
  type BulkActions,
  BulkFilterBody,
  type GivenBulkFilter,
} from "../../actions/bulk_actions.ts";
import { BULK_ACTIONS, type BulkAction, type BulkFilter } from "../../bulk/bulk_job.ts";
import { fieldProblem, refusal } from "../../http/problem.ts";
import { parseStrict } from "../../http/strict_json.ts";
import { readForm } from "../form.ts";
import { answerPage } from "../view/layout.ts";
import { type Site, View } from "../view/view.ts";
import { BulkChoiceField } from "./bulk_choice.ts";
import { TASK_FIELD } from "./bulk_form.ts";
import { confirmPage, jobPage, jobsPage } from "./bulk_pages.ts";

/** Dependencies of the routes. */
export interface BulkRoutesParts {
  readonly bulkActions: BulkActions;
  readonly site: Site;
}

/** Bytes of a form: a thousand ids of 255 characters. */
const FORM_MAX = 1024 * 1024;

/** Checkboxes are further fields. */
const ChoiceForm = z.object({
  action: BulkChoiceField,
  scope: z.enum(["selected", "matching"]),
  q: z.string().max(2000).default(""),
}).catchall(z.string());

const StartForm = z.object({
  q: z.string().max(2000).optional(),
  ids: z.string().optional(),
  until: z.string(),
  // A form that is sent twice starts one job.
  key: z.uuid().optional(),
  terminate: z.enum(["yes"]).optional(),
});

/** Serves the pages and their actions. */
export function bulkRoutes({ bulkActions, site }: BulkRoutesParts): Hono {
  const start = (action: BulkAction) => async (c: Context) => {
    const { q, ids, until, key, terminate } = await readForm(c, StartForm, { limit: FORM_MAX });
    const filter = readFilterFields({
      until,
      ...(q !== undefined && { q }),
      ...(ids !== undefined && { ids: parseStrict(ids) }),
    });
    const job = await bulkActions.start(c, {
      action,
      filter,
      key,
      terminate: action === "revoke" && terminate === "yes",
    });
    return c.redirect(new View(c, site).path(`/jobs/${job.id}`), 303);
  };
  const app = new Hono()
    .post("/tasks:bulk", async (c) => {
      const { action: choice, scope, q, ...fields } = await readForm(c, ChoiceForm, {
        limit: FORM_MAX,
      });
      const ids = Object.keys(fields).filter((name) => name.startsWith(TASK_FIELD))
        .map((name) => name.slice(TASK_FIELD.length));
      if (scope === "selected" && ids.length === 0) {
        throw fieldProblem("scope", "no task is selected: select tasks, or all that match");
      }
      // Selected tasks may have changed since the list was drawn: the filter does not apply to them.
      const filter: BulkFilter = scope === "selected" ? { ids } : { q };
      const preview = await bulkActions.preview(c, readFilterFields(filter));
      const view = new View(c, site);
      return answerPage(c, view, {
        title: view.texts.bulk.confirmTitle,
        current: "/tasks",
        body: confirmPage(view, { choice, filter, preview }),
      });
    })
    .get("/jobs", async (c) => {
      const view = new View(c, site);
      return answerPage(c, view, {
        title: view.texts.bulk.title,
        current: "/jobs",
        body: jobsPage(view, await bulkActions.list(c)),
      });
    })
    .get("/jobs/:job", async (c) => {
      const view = new View(c, site);
      return answerPage(c, view, {
        title: view.texts.bulk.title,
        current: "/jobs",
        body: jobPage(view, await bulkActions.find(c, c.req.param("job"))),
      });
    })
    .post("/jobs/:job/stop", async (c) => {
      const { id } = await bulkActions.stop(c, c.req.param("job"));
      return c.redirect(new View(c, site).path(`/jobs/${id}`), 303);
    });
  for (const action of BULK_ACTIONS) app.post(`/tasks:${action}`, start(action));
  return app;
}

/** @throws {Problem} `invalid-input` */
function readFilterFields(given: object): GivenBulkFilter {
  const parsed = BulkFilterBody.safeParse(given);
  if (parsed.success) return parsed.data;
  throw refusal("the filter", parsed.error.issues, ({ path, message }) => ({
    field: path.join("."),
    message,
  }));
}
