/** The web page: routes for browsers. Every view works without a script. */
import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import { z } from "zod";
import type { Registry } from "../../shared/contracts/registry.ts";
import type { AuditCounter } from "../access/audit_counter.ts";
import { callerOf } from "../access/request_caller.ts";
import { conditionalAnswer } from "../http/conditional.ts";
import { Problem } from "../http/problem.ts";
import { indexBody } from "../openapi/index_body.ts";
import { auditRoutes, type AuditRoutesParts } from "./access/audit_routes.ts";
import { keyRoutes, type KeyRoutesParts } from "./access/key_routes.ts";
import { ASSET_FILES } from "./assets/embedded.ts";
import { readPoints } from "./charts/chart_points.ts";
import { chartRoutes, type ChartRoutesParts } from "./charts/chart_routes.ts";
import { letterRoutes, type LetterRoutesParts } from "./dead_letters/letter_routes.ts";
import { eventRoutes, type EventRoutesParts } from "./events/event_routes.ts";
import { subscriptionRoutes, type SubscriptionRoutesParts } from "./events/subscription_routes.ts";
import { taskCommand, workflowCommand } from "./example_commands.ts";
import { limitTime } from "./deadline.ts";
import { localPath, readForm } from "./form.ts";
import { overviewPage } from "./overview_page.ts";
import { readOverview } from "./overview_tasks.ts";
import { pauseRoutes, type PauseRoutesParts } from "./pauses/pause_routes.ts";
import { scheduleRoutes, type ScheduleRoutesParts } from "./schedules/schedule_routes.ts";
import { type SignInParts, signInRoutes } from "./sign_in.ts";
import { taskRoutes, type TaskRoutesParts } from "./tasks/task_routes.ts";
import { bulkRoutes, type BulkRoutesParts } from "./bulk/bulk_routes.ts";
import { whyRoutes, type WhyRoutesParts } from "./why/why_routes.ts";
import { tryRoutes, type TryRoutesParts } from "./trying/try_routes.ts";
import { workflowRoutes, type WorkflowRoutesParts } from "./workflows/workflow_routes.ts";
import { workerRoutes, type WorkerRoutesParts } from "./workers/worker_routes.ts";
import { answerPage } from "./view/layout.ts";
import { Preferences, storePreferences } from "./view/preferences.ts";
import { View } from "./view/view.ts";

/** Dependencies of the page. */
export interface PageParts
  extends
    Omit<SignInParts, "counter">,
    Omit<TaskRoutesParts, "exampleFor" | "deadLetters" | "workflows">,
    WorkerRoutesParts,
    ScheduleRoutesParts,
    LetterRoutesParts,
    EventRoutesParts,
    SubscriptionRoutesParts,
    KeyRoutesParts,
    AuditRoutesParts,
    WhyRoutesParts,
    PauseRoutesParts,
    BulkRoutesParts,
    Omit<TryRoutesParts, "counter" | "store">,
    ChartRoutesParts,
    Omit<WorkflowRoutesParts, "workflowExample" | "workflows"> {
  readonly registry: Registry;
  /** Counts accepted and refused calls for the audit log. */
  readonly counter: Pick<AuditCounter, "add" | "refuse">;
  readonly workflows: TaskRoutesParts["workflows"] & WorkflowRoutesParts["workflows"];
}

/** Seconds for which browsers keep a file whose name contains its hash: a year. */
const ASSET_SECONDS = 31_536_000;

const PreferencesForm = Preferences.partial().extend({ next: z.string().max(4096).optional() });

/** Serves the page. */
export function pageRoutes(parts: PageParts): Hono {
  const { registry, site, clock, list, series } = parts;
  const baseOf = (c: Context) => new URL(c.req.url).origin + (site.basePath ?? "");
  const exampleFor = (c: Context) => taskCommand(registry, baseOf(c), site.secured);
  const workflowExample = (c: Context) => workflowCommand(registry, baseOf(c), site.secured);

  const readParts = async (c: Context) => {
    const caller = callerOf(c);
    if (!caller.has("tasks:read")) return {};
    const now = clock.now();
    const [tasks, points] = await Promise.all([
      readOverview({ list, clock }, caller),
      readPoints(series, { range: "1h", withDepths: false }, { caller, now })
        .catch((error) => {
          // A limited caller cannot read too many points at once. The charts of one task or queue work.
          if (error instanceof Problem) return undefined;
          throw error;
        }),
    ]);
    return { tasks, ...(points && { points: points.points }) };
  };

  return new Hono()
    .route("/", whyRoutes(parts))
    .use(limitTime())
    .get("/", async (c) => {
      c.header("vary", "Accept");
      const supports = ["text/html", "application/json"];
      if (accepts(c, { header: "Accept", supports, default: "text/html" }) !== "text/html") {
        return c.json(indexBody(registry, site.version));
      }
      const view = new View(c, site);
      const read = await readParts(c);
      return answerPage(c, view, {
        title: view.texts.overview.title,
        current: "/",
        body: overviewPage(view, {
          registry,
          example: exampleFor(c),
          now: clock.now(),
          ...read,
        }),
      });
    })
    .get("/assets/:file", (c) => {
      const asset = ASSET_FILES.get(c.req.param("file"));
      if (!asset) {
        throw new Problem(
          "unknown-route",
          `Cannot find ${c.req.path} because this version has no such file: reload the page`,
        );
      }
      return conditionalAnswer(c, asset, {
        "content-type": asset.type,
        "cache-control": `public, max-age=${ASSET_SECONDS}, immutable`,
      });
    })
    .post("/preferences", async (c) => {
      const { next, ...given } = await readForm(c, PreferencesForm);
      const path = localPath(next);
      storePreferences(c, given);
      return c.redirect(new View(c, site).path(path), 303);
    })
    .route("/", signInRoutes(parts))
    .route("/", taskRoutes({ ...parts, exampleFor }))
    .route("/", bulkRoutes(parts))
    .route("/", tryRoutes(parts))
    .route("/", chartRoutes(parts))
    .route("/", workflowRoutes({ ...parts, workflowExample }))
    .route("/", pauseRoutes(parts))
    .route("/", workerRoutes(parts))
    .route("/", scheduleRoutes(parts))
    .route("/", letterRoutes(parts))
    .route("/", eventRoutes(parts))
    .route("/", subscriptionRoutes(parts))
    .route("/", keyRoutes(parts))
    .route("/", auditRoutes(parts));
}
