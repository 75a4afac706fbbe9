/** Gauges of the outbox and of a worker, read at each scrape. */
import { type Metrics, TABLE_KEEP_MS } from "./metrics.ts";

/** Adds gauges of the outbox. Scrapes share a read. */
export function watchOutbox(
  metrics: Pick<Metrics, "gauge">,
  outbox: { count(): Promise<number>; lag(): Promise<number> },
): void {
  const options = { keepMs: TABLE_KEEP_MS };
  metrics.gauge(
    "celeriac_outbox_entries",
    "Messages in the outbox; above 10,000 an estimate",
    () => outbox.count(),
    options,
  );
  metrics.gauge(
    "celeriac_outbox_lag_seconds",
    "Seconds since the oldest message of the outbox was due; 0 if none is due",
    () => outbox.lag(),
    options,
  );
}

/** A worker's state that gauges show. */
export interface WatchedWorker {
  readonly unacked: number;
  readonly stalled: readonly string[];
  readonly silent: readonly string[];
  readonly suspended: readonly string[];
}

/** Adds gauges of a worker, read from their source because not every run ends with an event. */
export function watchWorker(
  metrics: Pick<Metrics, "gauge">,
  worker: WatchedWorker,
  runner: { readonly running: number },
  leases: { readonly size: number },
): void {
  metrics.gauge("celeriac_deliveries_unacked", "Unacknowledged deliveries", () => worker.unacked);
  metrics.gauge("celeriac_tasks_running", "Handlers running", () => runner.running);
  metrics.gauge(
    "celeriac_messages_leased",
    "Messages of long tasks, acknowledged and kept in the outbox until the task ends",
    () => leases.size,
  );
  metrics.gauge(
    "celeriac_queues_stalled",
    "Queues with messages whose consumers receive none",
    () => worker.stalled.length,
  );
  metrics.gauge(
    "celeriac_queues_silent",
    "Queues that are not consumed, without paused ones",
    () => worker.silent.length,
  );
  metrics.gauge(
    "celeriac_queues_paused",
    "Queues that are not consumed because they are paused",
    () => worker.suspended.length,
  );
}
