/** `/v1/subscriptions`: which events become which task. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import type { ReplayStore } from "../../shared/events/replay_store.ts";
import type { EventSubscription } from "../../shared/events/subscription.ts";
import type {
  StoredSubscription,
  SubscriptionStore,
} from "../../shared/events/subscription_store.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import { callerOf, requireTask } from "../access/request_caller.ts";
import {
  inCode,
  noSubscription,
  sees,
  type SubscriptionActions,
  taskOf,
} from "../actions/subscription_actions.ts";
import { readJsonText } from "../http/body.ts";
import { nameCursor } from "../http/label.ts";
import { fieldProblem, Problem } from "../http/problem.ts";
import { parseQuery, readQuery } from "../http/query.ts";
import { parseStrict } from "../http/strict_json.ts";
import { strictRefusal } from "../http/strict_object.ts";
import { readReplay, replayBody } from "../submitting/replay.ts";
import {
  readSubscription,
  subscriptionBody,
  type SubscriptionRules,
} from "../submitting/subscription.ts";

/** Number of replays that a subscription lists. */
const REPLAYS = 10;

/** Query of the list, also for the OpenAPI document. */
export const SubscriptionsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).describe("Subscriptions per page; default 100"),
  cursor: nameCursor,
}).partial();

/** Body of pruning, also for the OpenAPI document. */
export const PruneBody = z.strictObject({
  dry_run: z.boolean().describe("Whether to only list them; default false"),
}).partial();

/** Dependencies of the routes. */
export interface SubscriptionsParts {
  readonly store: Pick<
    SubscriptionStore,
    "list" | "all" | "find" | "add" | "replace" | "remove" | "pause" | "resume" | "prune"
  >;
  readonly replays: Pick<ReplayStore, "add" | "latest">;
  /** Subscriptions that the app defines. */
  readonly defined: readonly Pick<EventSubscription, "name">[];
}

/** Creates, lists, replaces, pauses, resumes, replays and removes subscriptions. The dispatcher in beat uses a change within a second. */
export function subscriptionRoutes(
  { store, replays, defined, actions, rules, trail }: SubscriptionsParts & {
    readonly actions: SubscriptionActions;
    readonly rules: SubscriptionRules;
    readonly trail: AuditTrail;
  },
): Hono {
  const nameOf = (c: Context) => c.req.param("subscription")!;
  const whole = async (subscription: StoredSubscription) => ({
    ...subscriptionBody(subscription),
    replays: (await replays.latest(subscription.name, REPLAYS)).map(replayBody),
  });
  const answer = async (c: Context, subscription: StoredSubscription) =>
    c.json(await whole(subscription), 200, NO_STORE);

  return new Hono()
    .get("/subscriptions", async (c) => {
      const { limit = 100, cursor = "" } = parseQuery(SubscriptionsQuery, c.req.queries());
      const page = await store.list({ after: cursor, limit: limit + 1 });
      const last = page.slice(0, limit).at(-1);
      const next = page.length > limit ? last!.name : null;
      const subscriptions = page.slice(0, limit).filter((one) => sees(callerOf(c), one));
      return c.json({ subscriptions: subscriptions.map(subscriptionBody), next }, 200, NO_STORE);
    })
    .post("/subscriptions", async (c) => {
      const given = readSubscription(await jsonOf(c), rules);
      requireTask(callerOf(c), taskOf(given));
      await trail.begin(c, { target: given.name });
      const subscription = await store.add(given);
      if (!subscription) {
        throw new Problem(
          "subscription-exists",
          `Cannot create subscription '${given.name}' because the name exists: replace it with PUT, or choose another name`,
          { errors: [{ field: "name", message: "the name exists" }] },
        );
      }
      const location = `/v1/subscriptions/${encodeURIComponent(given.name)}`;
      return c.json(await whole(subscription), 201, { ...NO_STORE, location });
    })
    .post("/subscriptions:prune", async (c) => {
      const dryRun = readPrune(await jsonOf(c));
      const caller = callerOf(c);
      const names = new Set(defined.map(({ name }) => name));
      const stored = (await store.all()).filter(({ source }) => source === "code");
      const gone = stored.filter((one) => !names.has(one.name) && sees(caller, one));
      if (dryRun || gone.length === 0) {
        return c.json({ dry_run: dryRun, removed: gone.map(({ name }) => name) }, 200, NO_STORE);
      }
      const goneNames = gone.map(({ name }) => name);
      await trail.begin(c, { filter: { subscriptions: goneNames } });
      // Only those: another process may have added some since.
      const removed = await store.prune(goneNames);
      trail.count(c, removed.length);
      return c.json({ dry_run: false, removed }, 200, NO_STORE);
    })
    .get("/subscriptions/:subscription", async (c) => {
      readQuery(c.req.queries(), []);
      return c.json(await whole(await actions.find(c, nameOf(c))), 200, NO_STORE);
    })
    .put("/subscriptions/:subscription", async (c) => {
      const { name, source } = await actions.find(c, nameOf(c));
      const body = await jsonOf(c);
      const given = readSubscription(isObject(body) ? { name, ...body } : body, rules);
      if (given.name !== name) {
        throw fieldProblem("name", `expected '${name}' as in the path, or no name`);
      }
      if (source === "code") throw inCode("replace", name, "change it there");
      requireTask(callerOf(c), taskOf(given));
      return await answer(c, await actions.change(c, name, () => store.replace(given)));
    })
    .delete("/subscriptions/:subscription", async (c) => {
      await actions.remove(c, nameOf(c));
      return c.body(null, 204);
    })
    .post(
      "/subscriptions/:subscription/pause",
      async (c) => await answer(c, await actions.pause(c, nameOf(c))),
    )
    .post(
      "/subscriptions/:subscription/resume",
      async (c) => await answer(c, await actions.resume(c, nameOf(c))),
    )
    .post("/subscriptions/:subscription/replay", async (c) => {
      const { name } = await actions.find(c, nameOf(c));
      const given = readReplay(await jsonOf(c), name);
      await trail.begin(c, { target: name, filter: given });
      const replay = await replays.add(given);
      if (!replay) throw noSubscription(name);
      return c.json(replayBody(replay), 202, NO_STORE);
    });
}

const NO_STORE = { "cache-control": "no-store" };

async function jsonOf(c: Context): Promise<unknown> {
  const text = await readJsonText(c.req.raw, DEFAULT_BODY_LIMIT);
  return text === undefined ? {} : parseStrict(text);
}

function readPrune(body: unknown): boolean {
  const parsed = PruneBody.safeParse(body);
  if (parsed.success) return parsed.data.dry_run ?? false;
  throw strictRefusal(parsed.error, {
    what: "the body",
    known: ["dry_run"],
    unknown: "unknown field",
  });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
