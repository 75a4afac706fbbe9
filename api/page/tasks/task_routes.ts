/** `/tasks` and below: the list of tasks, one task, and its actions. */
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { z } from "zod";
import type { TaskRecord } from "../../../shared/results/result.ts";
import type { ResultStore } from "../../../shared/results/store.ts";
import { type RerunParts, rerunTask } from "../../actions/rerun_task.ts";
import { type RetryParts, retryTask } from "../../actions/retry_task.ts";
import { type RevokeParts, revokeTask } from "../../actions/revoke_task.ts";
import { callerOf } from "../../access/request_caller.ts";
import { isLabel } from "../../http/label.ts";
import { noRecord } from "../../http/query.ts";
import { isYoung, pendingRecord } from "../../reading/record.ts";
import { redacted, visible } from "../../reading/visible_record.ts";
import { readForm } from "../form.ts";
import { answerPage } from "../view/layout.ts";
import { notice } from "../view/parts.ts";
import { type Site, View } from "../view/view.ts";
import { type ChangesParts, changesStream } from "./changes.ts";
import { readFilter } from "../../reading/task_filter.ts";
import { tasksPage } from "./list_page.ts";
import { newsRoutes } from "./news.ts";
import { searchTasks } from "./search.ts";
import { type FamilyParts, readFamily } from "./family.ts";
import { taskPage } from "./task_page.ts";

/** Dependencies of the routes. */
export interface TaskRoutesParts
  extends
    Omit<ChangesParts, "store">,
    Omit<RevokeParts, "store">,
    RerunParts,
    Omit<RetryParts, "store"> {
  readonly store: RevokeParts["store"] & FamilyParts["store"];
  readonly workflows: RetryParts["workflows"] & FamilyParts["workflows"];
  readonly list: ResultStore["list"];
  readonly site: Site;
  /** A command that submits a task. */
  readonly exampleFor: (c: Context) => string;
}

/** With a key, a form that is sent twice submits one task. */
const RerunForm = z.object({ key: z.uuid().optional() });

/** Serves the pages of tasks. */
export function taskRoutes(parts: TaskRoutesParts): Hono {
  const { store, list, clock, site, exampleFor, rules } = parts;

  const find = async (c: Context, id: string): Promise<TaskRecord | undefined> => {
    const found = isLabel(id) ? await store.find(id) : undefined;
    const record = visible(callerOf(c), found);
    if (!record && (found || !isYoung(id, clock.now()))) throw noRecord(id);
    return record;
  };
  const back = (c: Context, id: string, done: keyof View["texts"]["done"]) => {
    const path = `/tasks/${encodeURIComponent(id)}?done=${done}`;
    return c.redirect(new View(c, site).path(path), 303);
  };

  return new Hono()
    .get("/tasks", async (c) => {
      const { q: text = "", cursor } = c.req.query();
      const view = new View(c, site);
      const now = clock.now();
      const filter = readFilter(text, now);
      const found = await searchTasks({ list }, { filter, caller: callerOf(c), cursor });
      return answerPage(c, view, {
        title: view.texts.tasks.title,
        current: "/tasks",
        body: tasksPage(view, {
          text,
          filter,
          contracts: [...rules.registry].filter((contract) => callerOf(c).sees(contract)),
          found,
          now,
          isOlder: cursor !== undefined,
          example: exampleFor(c),
        }),
      });
    })
    .get("/tasks/:task", async (c) => {
      const id = c.req.param("task");
      const view = new View(c, site);
      const found = await find(c, id);
      const record = found ?? pendingRecord(id, clock.now());
      const shown = view.can("tasks:read-data") ? record : redacted(record);
      return answerPage(c, view, {
        title: record.name ?? view.texts.task.title,
        body: html`${notice(view, c.req.query("done"))}${
          taskPage(view, shown, {
            isWritten: found !== undefined,
            family: await readFamily(parts, shown, callerOf(c)),
            hasContract: record.name !== null && rules.registry.get(record.name) !== undefined,
          })
        }`,
      });
    })
    .route("/", newsRoutes(parts))
    .get("/tasks/:task/changes", changesStream(parts))
    .post("/tasks/:task/cancel", async (c) => {
      const id = c.req.param("task");
      await revokeTask(c, parts, id);
      return back(c, id, "cancelled");
    })
    .post("/tasks/:task/terminate", async (c) => {
      const id = c.req.param("task");
      const { runs } = await revokeTask(c, parts, id, { terminate: true });
      return back(c, id, runs ? "terminating" : "cancelled");
    })
    .post("/tasks/:task/retry", async (c) => {
      const id = c.req.param("task");
      await retryTask(c, parts, id);
      return back(c, id, "retried");
    })
    .post("/tasks/:task/rerun", async (c) => {
      const id = c.req.param("task");
      const { key } = await readForm(c, RerunForm);
      const record = await find(c, id);
      if (!record) throw noRecord(id);
      const { id: rerun } = await rerunTask(c, parts, record, { key });
      return back(c, rerun, "rerun");
    });
}
