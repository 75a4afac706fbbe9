/** Wires the API role: HTTP server, publisher, relay, collector and maintenance. */
import { DatabaseClock } from "../shared/database/database_clock.ts";
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../shared/broker/broker.ts";
import type { Database } from "../shared/database/database.ts";
import { pending } from "../shared/database/migrate.ts";
import { readOnlyReason } from "../shared/database/read_only.ts";
import { Collector } from "./dead_letters/collector.ts";
import { DeadLetters } from "../shared/dead_letters/store.ts";
import { ConfigurationError } from "../shared/errors.ts";
import { brokerCheck, databaseCheck, healthRoutes } from "../shared/telemetry/health.ts";
import { type HttpListener, listen } from "../shared/runtime/listen.ts";
import { DepthRecorder } from "./depth_recorder.ts";
import { ParkedRelease } from "./parked_release.ts";
import { PauseStore } from "../shared/flow/pause_store.ts";
import { Maintenance } from "./maintenance.ts";
import { watchOutbox } from "../shared/telemetry/gauges.ts";
import { Metrics, TABLE_KEEP_MS } from "../shared/telemetry/metrics.ts";
import { Outbox } from "../shared/outbox/outbox.ts";
import { Publisher } from "../shared/outbox/publisher.ts";
import type { Registry } from "../shared/contracts/registry.ts";
import { Relay } from "../shared/outbox/relay.ts";
import { Idempotency } from "../shared/results/idempotency.ts";
import { chordStore, resultStore } from "../shared/results/open_store.ts";
import { redactsInput } from "../shared/contracts/keep_input.ts";
import { SubmissionWriter } from "../shared/results/submissions.ts";
import { RouteSync } from "../shared/outbox/route_sync.ts";
import { EventContracts } from "../shared/events/event_contracts.ts";
import { CloudEventPublisher } from "../shared/events/cloud_event_publisher.ts";
import { EventStore } from "../shared/events/event_store.ts";
import { SubscriptionCache } from "../shared/events/subscription_cache.ts";
import { SubscriptionStore } from "../shared/events/subscription_store.ts";
import type { EventSubscription } from "../shared/events/subscription.ts";
import { ReplayStore } from "../shared/events/replay_store.ts";
import { SubscriptionSync } from "../shared/events/subscription_sync.ts";
import { ScheduleStore } from "../shared/schedules/store.ts";
import { DepthStore } from "../shared/series/depth_store.ts";
import { SeriesStore } from "../shared/series/series_store.ts";
import { TaskRouter } from "../shared/outbox/task_router.ts";
import type { Service } from "../shared/runtime/service.ts";
import type { Config } from "../shared/config/settings.ts";
import { declarationFor } from "../shared/broker/topology.ts";
import { waitAtMost } from "../shared/runtime/waits.ts";
import { FollowUps } from "../shared/workflows/follow_ups.ts";
import { givingUp, losing } from "../shared/workflows/give_up.ts";
import { WorkflowListing } from "../shared/workflows/listing.ts";
import { Workflows } from "../shared/workflows/store.ts";
import { openBulk } from "./bulk/open_bulk.ts";
import { submissionRules } from "./submitting/submission.ts";
import { openAccess } from "./access/open_access.ts";
import { apiSettings } from "./api_settings.ts";
import { createApp } from "./app.ts";
import { FailedTasks } from "./retrying/failed_tasks.ts";
import { EventHub } from "./reading/event_hub.ts";
import { isLoopback } from "./middleware/hosts.ts";

/** Dependencies of the role; the caller starts and stops broker and database. */
export interface ApiParts {
  readonly config: Config;
  readonly registry: Registry;
  /** Events that the app defines. Default: none. */
  readonly events?: EventContracts;
  /** Subscriptions that the app defines. Default: none. */
  readonly subscriptions?: readonly EventSubscription[];
  readonly broker: Broker;
  readonly database: Database;
}

/** Milliseconds that the first response waits for queues and exchanges. */
const DECLARE_MS = 2_000;

/** The API role as a service, without broker and database. */
export class Api implements Service {
  readonly #parts: ApiParts;
  readonly #services: Service[];
  readonly #hub: EventHub;
  readonly #app: ReturnType<typeof createApp>;
  readonly #health: ReturnType<typeof healthRoutes>;
  #running = false;
  readonly #started = Promise.withResolvers<void>();
  #server: HttpListener | undefined;
  #healthServer: HttpListener | undefined;

  /** @throws {ConfigurationError} when it would listen on a public address without a token */
  constructor(parts: ApiParts) {
    const { config, registry, broker, database } = parts;
    const { events = new EventContracts(), subscriptions = [] } = parts;
    const local = isLoopback(config.host.includes(":") ? `[${config.host}]` : config.host);
    const secured = Boolean(config.apiToken || config.jwtIssuer);
    if (!local && !secured && !config.open) {
      throw new ConfigurationError(
        `Cannot listen on ${config.host} without a token because everyone could submit tasks: set CELERIAC_API_TOKEN (or _FILE), or CELERIAC_OPEN=1 if this is intended`,
      );
    }
    this.#parts = parts;
    const clock = new DatabaseClock({ database });
    const access = openAccess(config, { database, clock });
    const outbox = new Outbox({ database });
    const store = resultStore(config.results, database);
    const submissions = new SubmissionWriter({
      store,
      hides: (name) => redactsInput(registry.get(name)),
      // Django's tables are also written by Python workers, which may record a task without its name.
      ...(config.results === "django" && { foreign: true, holdMs: 0 }),
    });
    const hub = this.#hub = new EventHub({ broker, limit: config.maxWaiting });
    const metrics = new Metrics();
    metrics.watchBroker(broker);
    watchOutbox(metrics, outbox);
    const counts = metrics.addEvents(Array.from(events, ({ type }) => type));
    const deadLetters = new DeadLetters({ database, outbox, store, clock });
    metrics.gauge(
      "celeriac_dead_letters",
      "Dead letters that were neither redriven nor purged; above 10,000 an estimate",
      () => deadLetters.countAll(),
      { keepMs: TABLE_KEEP_MS },
    );
    const routes = new TaskRouter(registry, config.routes);
    const chords = chordStore(config.results, database);
    const publisher = new Publisher({ broker, outbox, origin: origin(), clock });
    const followUps = new FollowUps({
      publisher,
      routes,
      chords,
      store,
      lose: losing({ database, store }),
    });
    const giveUp = givingUp({ database, store, followUps, clock });
    const relay = new Relay({
      database,
      broker,
      letters: deadLetters,
      giveUp,
      unroutableSeconds: config.unroutable,
    });
    const pauses = new PauseStore({ database });
    const depths = new DepthStore({ database });
    const release = new ParkedRelease({ store: pauses, released: () => relay.wake() });
    const added = () => relay.wake();
    const sending = { database, outbox, store, origin: origin(), clock, added };
    const failedTasks = new FailedTasks(sending);
    const workflows = new Workflows({ ...sending, routes, chords });
    const idempotency = new Idempotency({ database });
    const settings = apiSettings(config, { onlyKnownHosts: local && !secured });
    const { runner, bulk } = openBulk({
      ...{ database, store, broker, publisher, submissions, idempotency, metrics, clock },
      ...{ deadLetters, failedTasks, workflows },
      rules: submissionRules(registry, settings.foreignQueues),
      keys: access.snapshot,
    });
    // One of them is enough: each can store a task.
    const health = this.#health = healthRoutes({
      live: [],
      ready: [
        brokerCheck(broker),
        databaseCheck(() => pending(database, config), () => readOnlyReason(database)),
      ],
      readyWhen: "any",
      metrics,
    });
    this.#services = [
      clock,
      submissions,
      access.snapshot,
      access.counter,
      hub,
      relay,
      release,
      runner,
      new Collector({
        broker,
        letters: deadLetters,
        giveUp,
        consumerIdleTimeout: config.consumerIdleTimeout,
      }),
      new Maintenance({
        database,
        retention: config.retention,
        auditRetention: config.auditRetention,
        // With Django results, celeriac.submit() still writes PENDING rows to Celeriac's own tables; no worker updates them.
        ...(config.results === "django" && { abandonment: config.retention }),
      }),
      new RouteSync({ database, registry }),
      new DepthRecorder({ broker, store: depths, queues: registry.queues }),
      new SubscriptionSync({ database, subscriptions }),
    ];
    this.#app = createApp({
      registry,
      broker,
      store,
      submissions,
      hub,
      clock,
      metrics,
      health,
      publisher,
      outbox,
      access,
      schedules: new ScheduleStore({ database }),
      deadLetters,
      failedTasks,
      events: {
        contracts: events,
        publisher: new CloudEventPublisher({ publisher }),
        subscriptions: new SubscriptionCache({ store: new SubscriptionStore({ database }) }),
        store: new EventStore({ database }),
        accepted: (type) => counts.count(type, "accepted"),
      },
      subscriptions: {
        store: new SubscriptionStore({ database }),
        replays: new ReplayStore({ database }),
        defined: subscriptions,
      },
      series: { store: new SeriesStore({ database }), depths },
      pauses: { store: pauses, resumed: () => release.wake() },
      idempotency,
      bulk,
      routes,
      workflows,
      workflowListing: new WorkflowListing({ database, store }),
      settings,
    });
  }

  /** The URL that it listens on. */
  get url(): string {
    const { hostname, port } = this.#server!.addr;
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    return `http://${host}:${port}`;
  }

  /** Binds the port before the start. Requests wait until the service has started.
   *
   * @throws {ConfigurationError} when the port is taken */
  listen(): void {
    const { config } = this.#parts;
    this.#server ??= listen(
      { hostname: config.host, port: config.port, flag: "--port" },
      async (request, info) => {
        await this.#started.promise;
        return await this.#app.fetch(request, info);
      },
    );
  }

  /** Starts to respond when the queues exist. If the broker is down, it starts after {@linkcode DECLARE_MS}, and the outbox stores
   * the tasks. */
  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const { config, registry, broker } = this.#parts;
    await declare(broker, registry.queues);
    for (const service of this.#services) await service.start();
    this.listen();
    this.#started.resolve();
    if (config.healthPort > 0) {
      this.#healthServer = listen(
        { hostname: config.host, port: config.healthPort, flag: "--health-port" },
        this.#health.fetch,
      );
    }
  }

  async stop(): Promise<void> {
    // Ends waits and streams, which would block the shutdown of the server.
    this.#started.resolve();
    await this.#hub.stop();
    await Promise.all([this.#server?.shutdown(), this.#healthServer?.shutdown()]);
    for (const service of this.#services) await service.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Declares queues and exchanges. Resolves after a limited time and continues in the background; readiness reports the state. */
async function declare(broker: Broker, queues: readonly string[]): Promise<void> {
  const declared = broker.connected()
    .then(() => broker.declare(declarationFor("api", queues)))
    .catch((error) => getLogger(["celeriac", "api"]).error("{error}", { error: error.message }));
  await waitAtMost(DECLARE_MS, declared);
}

/** The sender in Celery's format: `gen<pid>@<host>`. */
function origin(): string {
  return `gen${Deno.pid}@${Deno.hostname()}`;
}
