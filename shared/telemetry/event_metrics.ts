/** Metrics of events. */
import { Counter, Histogram, type Registry } from "./prometheus.ts";

/** Histogram buckets in seconds: from a quiet dispatcher to one that waits for a server. */
const SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** Type of the series that counts events without a contract: their types come from outside. */
const OTHER = "other";

/** Outcomes of an event, each with a counter. */
const OUTCOMES = {
  accepted: "Events accepted over HTTP",
  dispatched: "Events that became tasks",
  duplicate: "Copies of events that are recorded already",
  conflicting:
    "Events with the source, id and time of a recorded event but other content, which make no tasks",
  unsubscribed: "Events that no subscription selected",
} as const;

/** What happened to an event. */
export type EventOutcome = keyof typeof OUTCOMES;

/** How an event was forwarded: to all queues, not to those that refused it, or not at all. */
export type ForwardOutcome = "forwarded" | "refused" | "too-large";

/** Counts events by type. The names begin with `celeriac_event`.
 *
 * @example
 * ```ts
 * import { EventMetrics } from "./event_metrics.ts";
 * import { Registry } from "./prometheus.ts";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const registry = new Registry();
 * const metrics = new EventMetrics(registry, ["orders.paid"]);
 * metrics.count("orders.paid", "accepted");
 * metrics.count("orders.unknown", "accepted");
 * const text = await registry.metrics();
 * assertStringIncludes(text, 'celeriac_events_accepted_total{type="orders.paid"} 1');
 * assertStringIncludes(text, 'celeriac_events_accepted_total{type="other"} 1');
 * ```
 */
export class EventMetrics {
  readonly #types: ReadonlySet<string>;
  readonly #counters: Readonly<Record<EventOutcome, Counter>>;
  readonly #seconds: Histogram;
  readonly #forwarded: Counter;

  /** @param types of the contracts: they get a series of their own */
  constructor(registry: Registry, types: Iterable<string>) {
    const registers = [registry];
    this.#types = new Set(types);
    const counters = Object.entries(OUTCOMES).map(([outcome, help]) => {
      const name = `celeriac_events_${outcome}_total`;
      return [outcome, new Counter({ name, help, labelNames: ["type"], registers })];
    });
    this.#counters = Object.fromEntries(counters);
    this.#seconds = new Histogram({
      name: "celeriac_event_dispatch_seconds",
      help:
        "Seconds from the delivery of an event until its tasks are published and it is recorded",
      buckets: SECONDS,
      registers,
    });
    this.#forwarded = new Counter({
      name: "celeriac_events_forwarded_total",
      help:
        "Events sent to listening workers and other systems; refused: a full queue of another system missed it; too-large: it is a dead letter",
      labelNames: ["outcome"],
      registers,
    });
  }

  /** Counts a forwarded event. */
  forwarded(outcome: ForwardOutcome): void {
    this.#forwarded.inc({ outcome });
  }

  /** Counts an event. */
  count(type: string, outcome: EventOutcome): void {
    this.#counters[outcome].inc({ type: this.#types.has(type) ? type : OTHER });
  }

  /** Observes a dispatched event. */
  dispatched(seconds: number): void {
    this.#seconds.observe(seconds);
  }
}
