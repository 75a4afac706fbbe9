/** Composes a worker. */
import { DatabaseClock } from "../shared/database/database_clock.ts";
import {
  consumerLiveness,
  consumerReadiness,
  consumerWatchdog,
} from "../shared/broker/consuming/consumer_watchdog.ts";
import { LamportClock } from "../shared/celery/clock.ts";
import { redactsInput } from "../shared/contracts/keep_input.ts";
import type { Sql } from "../shared/database/database.ts";
import { migrated, pending } from "../shared/database/migrate.ts";
import { readOnlyReason } from "../shared/database/read_only.ts";
import { Events } from "../shared/telemetry/events.ts";
import { brokerCheck, databaseCheck, healthRoutes } from "../shared/telemetry/health.ts";
import { watchWorker } from "../shared/telemetry/gauges.ts";
import { Metrics } from "../shared/telemetry/metrics.ts";
import { Outbox } from "../shared/outbox/outbox.ts";
import { parseRate } from "../shared/contracts/rate.ts";
import { ClaimReader } from "./delivery/claims.ts";
import { chordStore, resultStore } from "../shared/results/open_store.ts";
import { ResultWriter } from "../shared/results/writer.ts";
import { TaskRouter } from "../shared/outbox/task_router.ts";
import { FollowUps } from "../shared/workflows/follow_ups.ts";
import type { Service } from "../shared/runtime/service.ts";
import { declarationFor } from "../shared/broker/topology.ts";
import { pause } from "../shared/runtime/waits.ts";
import { AgeLimit } from "./delivery/age_limit.ts";
import { EventListeners } from "./event_listeners.ts";
import { EventPublisher } from "./event_publisher.ts";
import { EventContracts } from "../shared/events/event_contracts.ts";
import { TransactionalCompleter } from "./running/transactional_completer.ts";
import { Control } from "./control/control.ts";
import { WorkerInfo } from "./control/worker_info.ts";
import { LimitedContracts } from "./control/limited_contracts.ts";
import { OutboxRevoker } from "./control/outbox_revoker.ts";
import { Heartbeat } from "./control/heartbeat.ts";
import { RateLimits } from "./control/rate_limits.ts";
import { Revocations } from "./control/revocations.ts";
import { TaskCounts } from "./control/task_counts.ts";
import { Crashes } from "./running/crashes.ts";
import { Executor } from "./delivery/executor.ts";
import { Follower, loseWith } from "./delivery/follower.ts";
import { Holds } from "./delivery/holds.ts";
import { InputKeeper } from "./delivery/input_keeper.ts";
import { InFlight } from "./delivery/in_flight.ts";
import { MessageLeases } from "./delivery/message_leases.ts";
import { nodeName } from "./node_name.ts";
import { Parking } from "./delivery/parking.ts";
import { PauseStore } from "../shared/flow/pause_store.ts";
import { PauseWatch } from "./pause_watch.ts";
import { Prefetch } from "./prefetch.ts";
import { Runner } from "./running/runner.ts";
import { ChildModules } from "./sandbox/child_modules.ts";
import { Pools, poolSettings } from "./sandbox/pools.ts";
import { publisherWithEvents } from "./sent_events.ts";
import { SeriesRecorder } from "./series_recorder.ts";
import { SeriesStore } from "../shared/series/series_store.ts";
import { Settler } from "./delivery/settler.ts";
import { warnAtStart } from "./start_warnings.ts";
import { logTaskEvents } from "./task_event_log.ts";
import { UncaughtErrors } from "./running/uncaught_errors.ts";
import { Watchdog } from "./running/watchdog.ts";
import { Worker } from "./worker.ts";
import { WorkerLease } from "./worker_lease.ts";
import type { WorkerParts } from "./worker_parts.ts";

/** Milliseconds between two checks of the consumers. */
const LOOK_MS = 100;

/** A worker process: the worker and its supporting services. */
export class WorkerProcess implements Service {
  /** Unique node name. */
  readonly node: string;
  readonly queues: readonly string[];
  readonly #parts: WorkerParts;
  readonly #worker: Worker;
  readonly #metrics = new Metrics();
  readonly #helpers: Service[];
  readonly #heartbeat: Heartbeat;
  readonly #shutDown = Promise.withResolvers<void>();
  readonly #stopped = new AbortController();

  constructor(parts: WorkerParts) {
    const { config, registry, handlers, listeners = [], modules, broker, database } = parts;
    this.#parts = parts;
    this.node = config.node ?? nodeName();
    this.queues = config.queues.length ? config.queues : registry.queues;
    const { node } = this;

    const events = new Events();
    events.on(this.#metrics.observe);
    if (parts.log) events.on(logTaskEvents(parts.log));
    const clock = new LamportClock();
    const teller = { hostname: node, pid: Deno.pid, clock: () => clock.tick() };
    const eventPublisher = new EventPublisher({ broker, node: teller, enabled: config.events });
    events.on(eventPublisher.publish);
    const taskCounts = new TaskCounts();
    events.on(taskCounts.observe);

    const storeOn = (sql: Sql) => resultStore(config.results, sql);
    const store = storeOn(database);
    const time = new DatabaseClock({ database });
    const outbox = new Outbox({ database });
    const writer = new ResultWriter({ store });
    const claims = new ClaimReader({ store, node });
    const holds = new Holds({ database, node });
    const pools = new Pools({
      warm: [...registry].filter(({ name, queue }) =>
        this.queues.includes(queue) && handlers.get(name)
      ),
      ...poolSettings(config),
      monitor: this.#metrics.sandbox,
      contracts: registry,
      modules: new ChildModules(modules.handlers, handlers),
    });
    const contracts = new LimitedContracts(registry);
    const revocations = new Revocations();
    const inFlight = new InFlight();
    const leases = new MessageLeases({ database, holder: node });
    const ageLimit = new AgeLimit({ inFlight, leases, seconds: config.leaseAfter });
    const rates = new RateLimits();
    for (const { name, rateLimit } of registry) rates.set(name, parseRate(rateLimit));
    const watchdog = new Watchdog({ events, bound: config.loopBound });
    const uncaught = new UncaughtErrors({ events, store, modules });
    const hides = (name: string) => redactsInput(registry.get(name));
    const sending = { broker, outbox, origin: node, events, hides };
    const followUps = new FollowUps({
      publisher: publisherWithEvents({ ...sending, clock: time }),
      routes: new TaskRouter(registry, config.routes),
      chords: chordStore(config.results, database),
      store,
      lose: (records) => loseWith(writer, records, node),
    });
    const follower = new Follower({ broker, followUps, store, node });
    const inputs = new InputKeeper({ contracts: registry, maxBytes: config.inputMaxBytes });
    const recording = { follower, inputs, node };
    const completer = new TransactionalCompleter({ database, store: storeOn, ...recording });
    const runner = new Runner({
      concurrency: config.concurrency,
      pools,
      contracts,
      followUps,
      eventContracts: parts.events ?? new EventContracts(),
      watchdog,
      uncaught,
      completer,
      events,
      node,
      writer,
      ran: (queue, contract, seconds) => prefetch.ran(queue, contract, seconds),
      resultMaxBytes: config.resultMaxBytes,
    });
    const prefetch: Prefetch = new Prefetch({
      tasks: (queue) =>
        [...registry].filter((one) => one.queue === queue && handlers.get(one.name)),
      slots: (contract) => runner.slots(contract),
      inline: runner.inline,
      factor: config.prefetchFactor,
    });
    const crashes = new Crashes({ database });
    const pauseStore = new PauseStore({ database });
    const pauses = new PauseWatch({
      store: pauseStore,
      parkMax: config.parkMax,
      parkMaxBytes: config.parkMaxBytes,
    });
    const parking = new Parking({ store: pauseStore });
    const counted = { contracts: registry, clock: time };
    const series = new SeriesRecorder({ store: new SeriesStore({ database }), ...counted });
    const executor = new Executor({
      crashes,
      contracts,
      handlers,
      runner,
      events,
      claims,
      holds,
      inFlight,
      rates,
      pauses,
      clock: time,
      isRevoked: (task) => revocations.has(task),
      unknownTaskWait: config.unknownTaskWait,
      resultMaxBytes: config.resultMaxBytes,
    });
    this.#helpers = [writer, claims, ageLimit, leases, crashes, uncaught, pools, watchdog];
    this.#helpers.push(pauses, parking, series);
    this.#helpers.push(eventPublisher, holds, time, new WorkerLease({ database, node, holds }));
    this.#heartbeat = new Heartbeat({
      broker,
      node: teller,
      active: () => runner.running,
      processed: () => taskCounts.all,
    });
    const control = new Control({
      broker,
      allowed: config.remoteControl,
      context: {
        name: node,
        clock,
        inFlight,
        contracts,
        rates,
        pauses,
        revocations,
        taskCounts,
        info: new WorkerInfo({
          ...parts,
          children: () => Array.from(pools.children(), ({ pid }) => pid),
        }),
        eventPublisher,
        heartbeat: this.#heartbeat,
        worker: () => this.#worker,
        terminate: (id) => runner.terminate(id),
        outbox: new OutboxRevoker({ outbox, store }),
        shutDown: () => this.#shutDown.resolve(),
      },
    });
    this.#worker = new Worker({
      broker,
      declaration: declarationFor("worker", this.queues),
      queues: this.queues,
      prefetch,
      executor,
      runner,
      pools,
      settler: new Settler({ broker, writer, outbox, parking, events, clock: time, ...recording }),
      inFlight,
      holds,
      series,
      rates,
      pauses,
      control,
      grace: config.grace,
    });
    this.#helpers.push(
      new EventListeners({ broker, listeners, node }),
      consumerWatchdog(this.#worker, { name: "worker", seconds: config.consumerIdleTimeout }),
    );
    this.#metrics.sandbox.watch(pools);
    this.#metrics.watchBroker(broker);
    watchWorker(this.#metrics, this.#worker, runner, leases);
  }

  /** Resolves when every queue is consumed. Waits for servers, missing queues and migrations. After a stop it starts nothing more. */
  async start(): Promise<void> {
    const { signal } = this.#stopped;
    warnAtStart({ ...this.#parts, queues: this.queues });
    if (!await migrated(this.#parts.database, signal) || signal.aborted) return;
    for (const service of [...this.#helpers, this.#worker, this.#heartbeat]) {
      await service.start();
      if (signal.aborted) return await service.stop();
    }
  }

  /** Resolves when all queues are consumed; `false` if the worker stops before that. */
  async consuming(): Promise<boolean> {
    while (!this.#stopped.signal.aborted) {
      if (consumerReadiness(this.#worker).ok) return true;
      await pause(LOOK_MS, this.#stopped.signal);
    }
    return false;
  }

  /** Resolves when a remote control command requests shutdown. */
  get askedToStop(): Promise<void> {
    return this.#shutDown.promise;
  }

  /** Drains the worker: running handlers may finish within the grace period; all other deliveries are given back. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#worker.stop();
    for (const helper of this.#helpers) await helper.stop();
    await this.#heartbeat.stop();
  }

  /** Ends the grace period now. */
  hurry(): void {
    this.#worker.hurry();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Routes for health checks and metrics. */
  health(): ReturnType<typeof healthRoutes> {
    const { config, broker, database } = this.#parts;
    return healthRoutes({
      live: [{ name: "deliveries", look: () => consumerLiveness(this.#worker) }],
      ready: [
        brokerCheck(broker, ["connected", "blocked"]),
        databaseCheck(() => pending(database, config), () => readOnlyReason(database)),
        { name: "consumers", look: () => consumerReadiness(this.#worker) },
      ],
      metrics: this.#metrics,
    });
  }
}
