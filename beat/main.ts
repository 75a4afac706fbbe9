/** Wires the scheduler role: reads schedules and events, publishes tasks. */
import { DatabaseClock } from "../shared/database/database_clock.ts";
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../shared/broker/broker.ts";
import type { Database } from "../shared/database/database.ts";
import { pending } from "../shared/database/migrate.ts";
import { readOnlyReason } from "../shared/database/read_only.ts";
import { DeadLetters } from "../shared/dead_letters/store.ts";
import { brokerCheck, databaseCheck, healthRoutes } from "../shared/telemetry/health.ts";
import { EventForwarder } from "./event_forwarder.ts";
import { EventDispatcher } from "./event_dispatcher.ts";
import { EventReplayer } from "./event_replayer.ts";
import { Lease } from "./lease.ts";
import { ReplayStore } from "../shared/events/replay_store.ts";
import { SubscriptionCache } from "../shared/events/subscription_cache.ts";
import { SubscriptionStore } from "../shared/events/subscription_store.ts";
import { watchOutbox } from "../shared/telemetry/gauges.ts";
import { Metrics, TABLE_KEEP_MS } from "../shared/telemetry/metrics.ts";
import { Outbox } from "../shared/outbox/outbox.ts";
import { Publisher } from "../shared/outbox/publisher.ts";
import type { Registry } from "../shared/contracts/registry.ts";
import { Relay } from "../shared/outbox/relay.ts";
import { chordStore, resultStore } from "../shared/results/open_store.ts";
import { TaskRouter } from "../shared/outbox/task_router.ts";
import { redactsInput } from "../shared/contracts/keep_input.ts";
import { SubmissionWriter } from "../shared/results/submissions.ts";
import type { EventContracts } from "../shared/events/event_contracts.ts";
import type { CodeSchedule } from "../shared/schedules/schedule.ts";
import { SCHEDULER_LEASE, ScheduleStore } from "../shared/schedules/store.ts";
import type { Service } from "../shared/runtime/service.ts";
import type { Config } from "../shared/config/settings.ts";
import { FollowUps } from "../shared/workflows/follow_ups.ts";
import { givingUp, losing } from "../shared/workflows/give_up.ts";
import { declarationFor } from "../shared/broker/topology.ts";
import type { SentTick } from "./schedule_source.ts";
import { DjangoSchedules } from "./django_schedules.ts";
import { NativeSchedules } from "./native_schedules.ts";
import { Scheduler } from "./scheduler.ts";

/** Dependencies of the role; the caller starts and stops broker and database. */
export interface BeatParts {
  readonly config: Config;
  readonly registry: Registry;
  /** Schedules that the app defines. */
  readonly schedules: readonly CodeSchedule[];
  /** Events that the app defines: their types get metrics of their own. Default: none. */
  readonly events?: EventContracts;
  readonly broker: Broker;
  /** Connections of its own to forward events to other systems, whose queues may block them. Default: `broker`. */
  readonly forwarding?: Broker;
  readonly database: Database;
  /** Whether another part of the process runs a relay. Default `false`. */
  readonly relayed?: boolean;
}

/** The scheduler role as a service, without broker and database. */
export class Beat implements Service {
  /** Its unique name among the schedulers. */
  readonly node: string;
  readonly #parts: BeatParts;
  readonly #metrics = new Metrics();
  readonly #services: Service[];
  readonly #scheduler: Scheduler;
  readonly #submissions: SubmissionWriter;
  readonly #relay: Relay;

  constructor(parts: BeatParts) {
    const { config, registry, broker, database, relayed = false } = parts;
    this.#parts = parts;
    const host = Deno.hostname();
    this.node = `beat@${host.split(".")[0]}-${crypto.getRandomValues(new Uint8Array(4)).toHex()}`;
    const origin = `gen${Deno.pid}@${host}`;
    const queue = config.djangoSchedules;
    const clock = new DatabaseClock({ database });
    const outbox = new Outbox({ database });
    const store = resultStore(config.results, database);
    this.#submissions = new SubmissionWriter({
      store,
      hides: (name) => redactsInput(registry.get(name)),
      // As in the API: Python workers may record a task without its name.
      ...(config.results === "django" && { foreign: true, holdMs: 0 }),
    });
    const letters = new DeadLetters({ database, outbox, store, clock });
    const publisher = new Publisher({ broker, outbox, origin, clock });
    const followUps = new FollowUps({
      publisher,
      routes: new TaskRouter(registry, config.routes),
      chords: chordStore(config.results, database),
      store,
      lose: losing({ database, store }),
    });
    this.#relay = new Relay({
      database,
      broker,
      letters,
      giveUp: givingUp({ database, store, followUps, clock }),
      unroutableSeconds: config.unroutable,
    });
    this.#scheduler = new Scheduler({
      lease: new Lease({
        database,
        name: SCHEDULER_LEASE,
        holder: this.node,
        seconds: config.beatLease,
      }),
      leaseSeconds: config.beatLease,
      prepare: () => this.#sync(),
      sources: [
        new NativeSchedules({ database, registry, origin }),
        ...(queue === undefined
          ? []
          : [new DjangoSchedules({ database, registry, origin, queue })]),
      ],
      sent: (tick) => this.#sent(tick),
    });
    const counts = this.#metrics.addEvents(Array.from(parts.events ?? [], ({ type }) => type));
    const dispatcher = new EventDispatcher({
      broker,
      database,
      subscriptions: new SubscriptionCache({ store: new SubscriptionStore({ database }) }),
      publisher,
      letters,
      origin,
      maxBytes: config.eventMaxBytes,
      // A worker may have the task already, but not if its message is in the outbox.
      sent: (task) => {
        if (task.via === "broker") this.#submissions.hold(task);
        else this.#submissions.write(task);
      },
      dispatched: (type, outcome) => counts.count(type, outcome),
      acked: (seconds) => counts.dispatched(seconds),
    });
    const forwarder = new EventForwarder({
      broker: parts.forwarding ?? broker,
      maxBytes: config.eventMaxBytes,
      forwarded: (outcome) => counts.forwarded(outcome),
    });
    this.#services = [
      clock,
      this.#submissions,
      ...(relayed ? [] : [this.#relay]),
      this.#scheduler,
      dispatcher,
      forwarder,
      new EventReplayer({
        database,
        publisher,
        letters,
        origin,
        sent: (task) => this.#submissions.write(task),
      }),
    ];
    this.#metrics.watchBroker(broker);
    this.#metrics.gauge(
      "celeriac_beat_leads",
      "1 in the process that is the leader",
      () => this.#scheduler.leads ? 1 : 0,
    );
    watchOutbox(this.#metrics, outbox);
    this.#metrics.gauge(
      "celeriac_event_inbox_messages",
      "Events that the dispatcher has not dispatched yet",
      () => dispatcher.depth(),
    );
    this.#metrics.gauge(
      "celeriac_event_forward_messages",
      "Events that the forwarder has not forwarded yet",
      () => forwarder.depth(),
    );
    const replays = new ReplayStore({ database });
    this.#metrics.gauge(
      "celeriac_event_replays_failing",
      "Replays whose last step failed",
      () => replays.countFailing(),
      { keepMs: TABLE_KEEP_MS },
    );
  }

  /** Starts immediately and waits for unreachable servers in the background. */
  async start(): Promise<void> {
    const { broker, registry, relayed } = this.#parts;
    if (!relayed) {
      broker.connected()
        .then(() => broker.declare(declarationFor("beat", registry.queues)))
        .catch((error) => logger.error("{error}", { error: error.message }));
    }
    for (const service of this.#services) await service.start();
  }

  async stop(): Promise<void> {
    for (const service of this.#services.toReversed()) await service.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Routes of liveness, readiness and metrics. */
  health(): ReturnType<typeof healthRoutes> {
    const { config, broker, forwarding, database } = this.#parts;
    const fine = ["connected", "blocked"] as const;
    const scheduler = { name: "scheduler", look: () => this.#scheduler.look() };
    return healthRoutes({
      live: [scheduler],
      ready: [
        scheduler,
        brokerCheck(broker, fine),
        ...(forwarding ? [brokerCheck(forwarding, fine, "forwarding")] : []),
        databaseCheck(() => pending(database, config), () => readOnlyReason(database)),
      ],
      metrics: this.#metrics,
    });
  }

  /** Updates the database's copy of the app's schedules. */
  async #sync(): Promise<void> {
    const { database, schedules } = this.#parts;
    const { taken, gone } = await new ScheduleStore({ database }).sync(schedules);
    for (const name of gone) {
      logger.info("Schedule {name} was removed because the app no longer defines it", { name });
    }
    for (const name of taken) {
      logger.error(
        "Cannot use schedule '{name}' of the app because the database has one of that name: remove it with `deno task cli schedules remove {name}`, or rename one",
        { name },
      );
    }
  }

  #sent({ schedule, task, dueAt, entry, pending }: SentTick): void {
    logger.info("Schedule {schedule} sent task {task} [{id}], due at {dueAt}", {
      schedule,
      task,
      id: entry.taskId,
      dueAt: dueAt.toISOString(),
    });
    this.#metrics.countSubmission(task, "outbox");
    if (pending) this.#submissions.write(pending);
    this.#relay.wake();
  }
}

const logger = getLogger(["celeriac", "beat"]);
