/** Prometheus metrics, with one registry per instance, so that two can exist in one process. */
import { Counter, Gauge, Histogram, Registry } from "./prometheus.ts";
import type { BrokerStatus } from "../broker/broker.ts";
import type { EventListener } from "./events.ts";
import { EventMetrics } from "./event_metrics.ts";
import { PairCounter } from "./pair_counter.ts";
import { SandboxMetrics } from "./sandbox_metrics.ts";

/** Histogram buckets in seconds: from a cached response to a long task. */
const SECONDS = [
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60,
  300,
];

/** Maximum number of task names with a series of their own. Names come from outside: further ones count as {@linkcode OTHER}. */
const NAMES_MAX = 500;

const OTHER = "other";

/** Milliseconds for which scrapes share a read of a table. */
export const TABLE_KEEP_MS = 5000;

const BROKER_STATES: readonly BrokerStatus["state"][] = [
  "stopped",
  "connecting",
  "connected",
  "blocked",
];

/** The observation of one request. */
export interface RequestObservation {
  readonly method: string;
  /** The route's pattern, never the path. */
  readonly route: string;
  readonly status: number;
  /** Seconds until the response head. */
  readonly seconds: number;
}

/** Counts the events of one process. All names begin with `celeriac_`.
 *
 * @example
 * ```ts
 * import { Metrics } from "./metrics.ts";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const metrics = new Metrics();
 * metrics.countSubmission("add", "broker");
 * assertStringIncludes(await metrics.render(), 'celeriac_tasks_submitted_total{task="add",via="broker"} 1');
 * ```
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #names = new Set<string>();
  readonly #requests: Counter;
  readonly #requestSeconds: Histogram;
  readonly #submitted: Counter;
  readonly #received: PairCounter;
  readonly #finished: PairCounter;
  readonly #rejected: Counter;
  readonly #taskSeconds: Histogram;
  readonly #violations: Counter;
  readonly #blockedSeconds: Counter;
  readonly #uncaught: Counter;
  /** Metrics of child processes. */
  readonly sandbox = new SandboxMetrics(this.#registry);

  constructor() {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "celeriac_http_requests_total",
      help: "HTTP requests answered",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#requestSeconds = new Histogram({
      name: "celeriac_http_request_seconds",
      help: "Seconds from a request to the head of its answer",
      labelNames: ["method", "route"],
      buckets: SECONDS,
      registers,
    });
    this.#submitted = new Counter({
      name: "celeriac_tasks_submitted_total",
      help: "Tasks accepted, by what holds their message",
      labelNames: ["task", "via"],
      registers,
    });
    this.#received = new PairCounter({
      name: "celeriac_tasks_received_total",
      help: "Deliveries received",
      labelNames: ["task", "queue"],
      registers,
    });
    this.#finished = new PairCounter({
      name: "celeriac_tasks_finished_total",
      help: "Deliveries worked, by outcome",
      labelNames: ["task", "outcome"],
      registers,
    });
    this.#rejected = new Counter({
      name: "celeriac_tasks_rejected_total",
      help: "Deliveries sent to the dead letters, by reason",
      labelNames: ["reason"],
      registers,
    });
    this.#taskSeconds = new Histogram({
      name: "celeriac_task_seconds",
      help: "Seconds that handlers ran",
      labelNames: ["task"],
      buckets: SECONDS,
      registers,
    });
    this.#violations = new Counter({
      name: "celeriac_policy_violations_total",
      help: "Times that a task did what its contract does not allow, by what",
      labelNames: ["task", "violation"],
      registers,
    });
    this.#blockedSeconds = new Counter({
      name: "celeriac_loop_blocked_seconds_total",
      help: "Seconds that an inline handler held the event loop beyond the bound",
      labelNames: ["task"],
      registers,
    });
    this.#uncaught = new Counter({
      name: "celeriac_uncaught_errors_total",
      help: "Errors that handlers left uncaught, at most 5 of a run",
      labelNames: ["task"],
      registers,
    });
    this.gauge(
      "celeriac_resident_memory_bytes",
      "Memory of this process",
      () => Deno.memoryUsage().rss,
    );
  }

  /** Adds a gauge that is read at each scrape; `NaN` when it cannot be read.
   *
   * @param name begins with `celeriac_`
   * @param options.keepMs milliseconds for which scrapes share one read. Default 0 */
  gauge(
    name: string,
    help: string,
    read: () => number | Promise<number>,
    { keepMs = 0 }: { keepMs?: number } = {},
  ): void {
    const value = keepMs > 0 ? kept(read, keepMs) : read;
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      async collect() {
        try {
          this.set(await value());
        } catch {
          this.set(Number.NaN);
        }
      },
    });
  }

  /** Adds `celeriac_broker_state`: 1 for the broker's current state, 0 for the others. */
  watchBroker(broker: { readonly status: BrokerStatus }): void {
    new Gauge({
      name: "celeriac_broker_state",
      help: "State of the broker connection",
      labelNames: ["state"],
      registers: [this.#registry],
      collect() {
        for (const state of BROKER_STATES) {
          this.set({ state }, state === broker.status.state ? 1 : 0);
        }
      },
    });
  }

  /** Adds metrics of events.
   *
   * @param types of the contracts */
  addEvents(types: Iterable<string>): EventMetrics {
    return new EventMetrics(this.#registry, types);
  }

  /** Counts a request. */
  countRequest({ method, route, status, seconds }: RequestObservation): void {
    this.#requests.inc({ method, route, status: String(status) });
    this.#requestSeconds.observe({ method, route }, seconds);
  }

  /** Counts an accepted task. */
  countSubmission(task: string, via: "broker" | "outbox"): void {
    this.#submitted.inc({ task: this.#name(task), via });
  }

  /** Counts a worker's events; pass it to `Events.on`. */
  readonly observe: EventListener = (event) => {
    switch (event.type) {
      case "task-received":
        return this.#received.inc(this.#name(event.name), event.queue);
      case "task-succeeded":
        return this.#end(event, "success", event.runtime);
      case "task-failed":
        return this.#end(event, "failure", event.runtime);
      case "task-retried":
        return this.#end(event, "retry", null);
      case "task-revoked":
        return this.#end(event, "revoked", null);
      case "task-deferred":
        return this.#end(event, "defer", null);
      case "task-rejected":
        return this.#rejected.inc({ reason: event.reason });
      case "task-violated":
        return this.#violations.inc({
          task: this.#name(event.name),
          violation: event.violation,
        });
      case "task-blocked":
        return this.#blockedSeconds.inc({ task: this.#name(event.name) }, event.seconds);
      case "task-uncaught":
        return this.#uncaught.inc({ task: this.#name(event.name) });
      case "task-sent":
      case "task-started":
      case "task-progress":
        return;
      default:
        event satisfies never;
    }
  };

  /** Media type of {@linkcode render}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #end({ name }: { name: string }, outcome: string, runtime: number | null): void {
    const task = this.#name(name);
    this.#finished.inc(task, outcome);
    if (runtime !== null) this.#taskSeconds.observe({ task }, runtime);
  }

  #name(task: string): string {
    if (this.#names.has(task)) return task;
    if (this.#names.size >= NAMES_MAX) return OTHER;
    this.#names.add(task);
    return task;
  }
}

/** Reads again when the last read began more than `ms` milliseconds ago. */
function kept<Value>(read: () => Value, ms: number): () => Value {
  let last: { readonly value: Value; readonly at: number } | undefined;
  return () => {
    const now = performance.now();
    if (!last || now - last.at > ms) last = { value: read(), at: now };
    return last.value;
  };
}
