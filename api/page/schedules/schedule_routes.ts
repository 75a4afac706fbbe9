/** `/schedules` and below: the list of schedules, one schedule, and its actions. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Signature } from "../../../shared/celery/signature.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { ScheduleActions, Schedules } from "../../actions/schedule_actions.ts";
import { callerOf } from "../../access/request_caller.ts";
import { parseQuery } from "../../http/query.ts";
import { readForm } from "../form.ts";
import { PRESS_FIELD, pressKey } from "../press.ts";
import type { Texts } from "../texts/english.ts";
import { answerPage } from "../view/layout.ts";
import { PageQuery } from "../view/page_query.ts";
import { type Site, View } from "../view/view.ts";
import { schedulePage, schedulesPage } from "./schedule_pages.ts";

/** Dependencies of the routes. */
export interface ScheduleRoutesParts {
  readonly schedules: Pick<Schedules, "list" | "leader">;
  readonly scheduleActions: ScheduleActions;
  readonly clock: Clock;
  readonly site: Site;
}

/** Rows of a page. */
const ROWS = 100;

const PressForm = z.object({ [PRESS_FIELD]: z.string().optional() });

/** Serves the pages of schedules. */
export function scheduleRoutes(parts: ScheduleRoutesParts): Hono {
  const { schedules, scheduleActions: actions, clock, site } = parts;
  const back = (c: Context, path: string, done: keyof Texts["done"]) =>
    c.redirect(new View(c, site).path(`${path}?done=${done}`), 303);
  const pathOf = (name: string) => `/schedules/${encodeURIComponent(name)}`;

  return new Hono()
    .get("/schedules", async (c) => {
      const { cursor = "", done } = parseQuery(PageQuery, c.req.queries());
      const view = new View(c, site);
      const page = await schedules.list({ after: cursor, limit: ROWS + 1 });
      const caller = callerOf(c);
      const shown = page.slice(0, ROWS);
      return answerPage(c, view, {
        title: view.texts.schedules.title,
        current: "/schedules",
        body: schedulesPage(view, {
          schedules: shown.filter((one) => actions.isVisible(caller, one)),
          next: page.length > ROWS ? shown.at(-1)!.name : null,
          scheduler: await schedules.leader(),
          now: clock.now(),
          done,
        }),
      });
    })
    .get("/schedules/:schedule", async (c) => {
      const view = new View(c, site);
      const schedule = await actions.find(c, c.req.param("schedule"));
      return answerPage(c, view, {
        title: schedule.name,
        current: "/schedules",
        body: schedulePage(view, { schedule, now: clock.now(), done: c.req.query("done") }),
      });
    })
    .post("/schedules/:schedule/pause", async (c) => {
      const { name } = await actions.pause(c, c.req.param("schedule"), true);
      return back(c, pathOf(name), "schedulePaused");
    })
    .post("/schedules/:schedule/resume", async (c) => {
      const { name } = await actions.pause(c, c.req.param("schedule"), false);
      return back(c, pathOf(name), "scheduleResumed");
    })
    .post("/schedules/:schedule/remove", async (c) => {
      await actions.remove(c, c.req.param("schedule"));
      return back(c, "/schedules", "scheduleRemoved");
    })
    .post("/schedules/:schedule/trigger", async (c) => {
      const { press } = await readForm(c, PressForm);
      const keyOf = (signature: Signature) => pressKey(c, press, signature);
      const { id } = await actions.trigger(c, c.req.param("schedule"), keyOf);
      const view = new View(c, site);
      // The page of the task needs a scope of its own.
      return view.can("tasks:read")
        ? back(c, `/tasks/${encodeURIComponent(id)}`, "submitted")
        : back(c, pathOf(c.req.param("schedule")), "submitted");
    });
}
