/** `/subscriptions` and below: the list of subscriptions, one subscription, and its actions. */
import { type Context, Hono } from "hono";
import type { ReplayStore } from "../../../shared/events/replay_store.ts";
import type { SubscriptionStore } from "../../../shared/events/subscription_store.ts";
import { sees, type SubscriptionActions } from "../../actions/subscription_actions.ts";
import { callerOf } from "../../access/request_caller.ts";
import { parseQuery } from "../../http/query.ts";
import type { Texts } from "../texts/english.ts";
import { answerPage } from "../view/layout.ts";
import { PageQuery } from "../view/page_query.ts";
import { type Site, View } from "../view/view.ts";
import { subscriptionPage, subscriptionsPage } from "./subscription_pages.ts";

/** Dependencies of the routes. */
export interface SubscriptionRoutesParts {
  readonly subscriptions: {
    readonly store: Pick<SubscriptionStore, "list">;
    readonly replays: Pick<ReplayStore, "latest">;
  };
  readonly subscriptionActions: SubscriptionActions;
  readonly site: Site;
}

/** Rows of a page. */
const ROWS = 100;

/** Replays that the page of a subscription shows. */
const REPLAYS = 10;

/** Serves the pages. */
export function subscriptionRoutes(parts: SubscriptionRoutesParts): Hono {
  const { subscriptions: { store, replays }, subscriptionActions: actions, site } = parts;
  const back = (c: Context, path: string, done: keyof Texts["done"]) =>
    c.redirect(new View(c, site).path(`${path}?done=${done}`), 303);
  const pathOf = (name: string) => `/subscriptions/${encodeURIComponent(name)}`;

  return new Hono()
    .get("/subscriptions", async (c) => {
      const { cursor = "", done } = parseQuery(PageQuery, c.req.queries());
      const view = new View(c, site);
      const page = await store.list({ after: cursor, limit: ROWS + 1 });
      const shown = page.slice(0, ROWS);
      return answerPage(c, view, {
        title: view.texts.subscriptions.title,
        current: "/subscriptions",
        body: subscriptionsPage(view, {
          subscriptions: shown.filter((one) => sees(callerOf(c), one)),
          next: page.length > ROWS ? shown.at(-1)!.name : null,
          done,
        }),
      });
    })
    .get("/subscriptions/:subscription", async (c) => {
      const view = new View(c, site);
      const subscription = await actions.find(c, c.req.param("subscription"));
      const latest = await replays.latest(subscription.name, REPLAYS);
      return answerPage(c, view, {
        title: subscription.name,
        current: "/subscriptions",
        body: subscriptionPage(view, {
          subscription,
          replays: latest,
          done: c.req.query("done"),
        }),
      });
    })
    .post("/subscriptions/:subscription/pause", async (c) => {
      const { name } = await actions.pause(c, c.req.param("subscription"));
      return back(c, pathOf(name), "subscriptionPaused");
    })
    .post("/subscriptions/:subscription/resume", async (c) => {
      const { name } = await actions.resume(c, c.req.param("subscription"));
      return back(c, pathOf(name), "subscriptionResumed");
    })
    .post("/subscriptions/:subscription/remove", async (c) => {
      await actions.remove(c, c.req.param("subscription"));
      return back(c, "/subscriptions", "subscriptionRemoved");
    });
}
