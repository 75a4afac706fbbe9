/** Assembles the Hono app of the API. */
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { ResultCache } from "./http/cache.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { AuditTrail } from "./access/audit_trail.ts";
import { Authenticator } from "./access/authenticator.ts";
import { RateLimiter } from "./access/rate_limit.ts";
import { requireAccess } from "./middleware/access.ts";
import { allowOrigins, refuseCrossSite } from "./middleware/cross_site.ts";
import { requireHost } from "./middleware/hosts.ts";
import { refuseOtherMethods } from "./middleware/methods.ts";
import { refuseChanges } from "./middleware/read_only.ts";
import { countRequests } from "./middleware/observe.ts";
import { FactReader } from "./explaining/fact_reader.ts";
import { Problem } from "./http/problem.ts";
import { BulkActions } from "./actions/bulk_actions.ts";
import { KeyActions } from "./actions/key_actions.ts";
import { PauseActions } from "./actions/pause_actions.ts";
import { WorkerActions } from "./actions/worker_actions.ts";
import { SubscriptionActions } from "./actions/subscription_actions.ts";
import { ScheduleActions } from "./actions/schedule_actions.ts";
import { auditRoutes } from "./routes/audit.ts";
import { bulkRoutes } from "./routes/bulk.ts";
import { batchRoutes } from "./routes/batch.ts";
import { deadLetterRoutes } from "./routes/dead_letters.ts";
import { answerPageError } from "./page/problem_page.ts";
import { pageRoutes } from "./page/page_routes.ts";
import { docsRoutes, STYLE_SOURCE } from "./routes/docs.ts";
import { eventRoutes } from "./routes/events.ts";
import { keyRoutes } from "./routes/keys.ts";
import { eventStream } from "./routes/event_stream.ts";
import { eventTypes } from "./routes/event_types.ts";
import { pauseRoutes } from "./routes/pauses.ts";
import { publishEventRoutes } from "./routes/publish_events.ts";
import { recordedEventRoutes } from "./routes/recorded_events.ts";
import { resultRoutes } from "./routes/results.ts";
import { rerunRoutes } from "./routes/rerun.ts";
import { retryRoutes } from "./routes/retry.ts";
import { revokeRoutes } from "./routes/revoke.ts";
import { seriesRoutes } from "./routes/series.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import { subscriptionRoutes } from "./routes/subscriptions.ts";
import { submitRoutes } from "./routes/submit.ts";
import { workerControlRoutes } from "./routes/worker_control.ts";
import { workersRoutes } from "./routes/workers.ts";
import { whyRoutes } from "./routes/why.ts";
import { workflowRoutes } from "./routes/workflows.ts";
import { QueueSurvey } from "./reading/queue_survey.ts";
import { SharedReads } from "./reading/shared_reads.ts";
import { readWithUnwritten } from "./reading/unwritten.ts";
import { StatePolling } from "./reading/state_polling.ts";
import { WorkerSurvey } from "./reading/worker_survey.ts";
import { submissionRules } from "./submitting/submission.ts";
import { Submitter } from "./submitting/submitter.ts";

/** Security headers of data: `nosniff` and same-origin resources. The others concern pages and TLS, and each header costs time in every response. */
const SECURITY = {
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  referrerPolicy: false,
  removePoweredBy: false,
  strictTransportSecurity: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
} as const;

/** Security headers of the reference page, which loads nothing. The other pages set their own. */
const PAGE_SECURITY = {
  ...SECURITY,
  referrerPolicy: true,
  xFrameOptions: "DENY",
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: [STYLE_SOURCE],
    imgSrc: ["data:"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

/** Creates the app. The caller starts and stops its dependencies. */
export function createApp(dependencies: ApiDependencies): Hono {
  const { registry, store, hub, broker, clock, settings, metrics } = dependencies;
  const { maxWait, batchLimit, token, version, hosts = [], origins = [] } = settings;
  const { access, submissions } = dependencies;
  const authenticator = new Authenticator({
    keys: access.snapshot,
    clock,
    ...(token !== undefined && { token }),
    ...(access.jwt && { jwt: access.jwt }),
  });
  const trail = new AuditTrail(access.audit);
  const { counter } = access;
  const submitter = new Submitter(dependencies);
  const rules = submissionRules(registry, settings.foreignQueues);
  const cache = new ResultCache(settings.resultCache);
  // Best effort: without a waiting caller, no events arrive. Only details of a run are added to final records.
  hub.observe(({ uuid }) => cache.drop(uuid!));

  const reads = new SharedReads(
    readWithUnwritten((id) => store.find(id), submissions),
  );
  const find = (id: string) => reads.read(id);
  const watched = { store: { find }, hub, polling: new StatePolling({ store }) };

  const site = { ...settings.page, secured: authenticator.secured, version };
  const answerError = answerPageError(site);
  const app = new Hono();
  app.onError(answerError);
  app.notFound((c) =>
    answerError(
      new Problem(
        "unknown-route",
        `Cannot find ${c.req.path} because no route has this path: see /docs`,
      ),
      c,
    )
  );
  app.use(countRequests(metrics), secureHeaders(SECURITY));
  if (origins.length > 0) app.use(allowOrigins(origins));
  app.use(refuseCrossSite(hosts, origins));
  if (settings.onlyHosts) app.use(requireHost(hosts));
  app.use("/docs", secureHeaders(PAGE_SECURITY));
  app.use(requireAccess({ authenticator, trail, counter, limiter: new RateLimiter() }));
  if (settings.page?.readOnly) app.use(refuseChanges());
  app.route("/v1", submitRoutes({ ...watched, rules, submitter, submissions, maxWait, counter }));
  app.route("/v1", batchRoutes({ rules, submitter, batchLimit, counter }));
  app.route(
    "/v1",
    workflowRoutes({ ...dependencies, polling: watched.polling, rules, maxWait, counter }),
  );
  app.route(
    "/v1",
    resultRoutes({
      ...watched,
      store: { find, list: (filter, options) => store.list(filter, options) },
      cache,
      clock,
      maxWait,
    }),
  );
  const bulkActions = new BulkActions({ ...dependencies.bulk, records: store, clock, trail });
  app.route("/v1", bulkRoutes(bulkActions));
  const { contracts, store: recorded } = dependencies.events;
  const open = settings.eventsOpen ?? false;
  app.route("/v1", publishEventRoutes({ ...dependencies.events, batchLimit, open, counter }));
  const named = {
    types: eventTypes({ contracts, open }),
    stream: eventStream({ store: recorded, hub }),
  };
  app.route("/v1", recordedEventRoutes({ store: recorded, named }));
  const subscriptions = new SubscriptionActions({ store: dependencies.subscriptions.store, trail });
  const subscriptionRules = { ...rules, contracts, eventsOpen: open };
  app.route(
    "/v1",
    subscriptionRoutes({
      ...dependencies.subscriptions,
      actions: subscriptions,
      rules: subscriptionRules,
      trail,
    }),
  );
  app.route("/v1", eventRoutes({ ...watched, clock }));
  const survey = new WorkerSurvey({ broker });
  const facts = new FactReader({
    ...dependencies,
    pauses: dependencies.pauses.store,
    store: { find, list: (filter, options) => store.list(filter, options) },
    survey,
  });
  app.route("/v1", whyRoutes({ facts }));
  app.route(
    "/v1",
    revokeRoutes({
      store: { find, revoke: (id, why) => store.revoke(id, why) },
      broker,
      cache,
      clock,
      trail,
    }),
  );
  app.route("/v1", retryRoutes({ ...dependencies, store: { find }, rules, trail }));
  app.route("/v1", rerunRoutes({ store: { find }, rules, submitter, trail }));
  const schedules = new ScheduleActions({ ...dependencies, rules, submitter, trail, counter });
  app.route("/v1", scheduleRoutes({ ...dependencies, rules, trail, actions: schedules }));
  const pauses = new PauseActions({ ...dependencies.pauses, rules, trail });
  app.route("/v1", pauseRoutes(pauses));
  app.route("/v1", seriesRoutes({ ...dependencies.series, clock }));
  const queues = new QueueSurvey({ broker, queues: [...rules.queues, ...rules.foreignQueues] });
  app.route("/v1", workersRoutes({ survey, queues, clock }));
  const workers = new WorkerActions({ broker, trail });
  app.route("/v1", workerControlRoutes(workers));
  app.route("/v1", deadLetterRoutes({ ...dependencies, trail }));
  const keys = new KeyActions({ ...access, trail, clock });
  app.route("/v1", keyRoutes(keys));
  app.route("/v1", auditRoutes(access));
  app.route("/", dependencies.health);
  app.route(
    "/",
    docsRoutes(
      { registry, secured: authenticator.secured, maxWait, batchLimit, version },
      site.basePath,
    ),
  );
  app.route(
    "/",
    pageRoutes({
      ...watched,
      ...dependencies,
      store: {
        find,
        revoke: (id, why) => store.revoke(id, why),
        summaries: (ids) => store.summaries(ids),
      },
      list: (filter, options) => store.list(filter, options),
      audit: access.audit,
      survey,
      facts,
      foreignQueues: settings.foreignQueues,
      eventStore: recorded,
      keyActions: keys,
      subscriptionActions: subscriptions,
      pauseActions: pauses,
      workerActions: workers,
      bulkActions,
      scheduleActions: schedules,
      authenticator,
      cache,
      counter,
      rules,
      site,
      submitter,
      trail,
    }),
  );
  refuseOtherMethods(app);
  return app;
}
