/** What `top` shows: the last readings of the API. */

/** A queue, as the API reports it. */
export interface QueueDepth {
  readonly name: string;
  /** Messages that no consumer has received; `null` if unknown. */
  readonly ready: number | null;
  readonly consumers: number | null;
  /** Why the counts are unknown. */
  readonly problem: string | null;
}

/** A task that a worker runs. */
export interface RunningTask {
  readonly id: string;
  readonly name: string;
  readonly queue: string | null;
  readonly started_at: string | null;
}

/** A worker, as the API reports it. */
export interface WorkerLoad {
  readonly name: string;
  /** Seconds since its start. */
  readonly uptime: number | null;
  readonly concurrency: number | null;
  readonly received: number;
  readonly queues: readonly string[];
  readonly running: readonly RunningTask[];
}

/** Ended attempts per second over the last minute. */
export interface Rate {
  /** Tasks that succeeded, failed, were rejected or revoked. */
  readonly tasks: number;
  /** Tasks that failed or were rejected. */
  readonly failures: number;
  readonly retries: number;
}

/** Rates of all tasks and by queue. */
export interface Rates {
  readonly total: Rate;
  readonly queues: ReadonlyMap<string, Rate>;
}

/** One part of the view. */
export interface Part<Value> {
  /** The last value; `null` before the first. */
  readonly value: Value | null;
  /** When it was read. */
  readonly at: Date | null;
  /** The error of the last read, if it failed. The value is then older. */
  readonly error: Error | null;
}

/** All parts. */
export interface Snapshot {
  /** URL of the API. */
  readonly url: string;
  readonly queues: Part<readonly QueueDepth[]>;
  readonly workers: Part<readonly WorkerLoad[]>;
  readonly rates: Part<Rates>;
}

/** Names of the parts. */
export const PARTS = ["queues", "workers", "rates"] as const;

/** A part that has not been read. */
export const UNREAD: Part<never> = { value: null, at: null, error: null };

/** A snapshot for scripts. */
export function snapshotBody({ url, queues, workers, rates }: Snapshot, at: Date): object {
  const rateBody = (rate: Rate | undefined) =>
    rate === undefined ? null : {
      tasks_per_second: round(rate.tasks),
      failures_per_second: round(rate.failures),
      retries_per_second: round(rate.retries),
    };
  const parts = { queues, workers, rates };
  return {
    at,
    url,
    total: rateBody(rates.value?.total),
    queues: queues.value?.map((queue) => ({
      ...queue,
      rate: rates.value ? rateBody(rates.value.queues.get(queue.name) ?? NO_RATE) : null,
    })) ?? null,
    workers: workers.value,
    errors: PARTS.flatMap((part) => {
      const { error } = parts[part];
      return error ? [{ part, message: error.message }] : [];
    }),
  };
}

/** The rate of a queue in which nothing has ended. */
export const NO_RATE: Rate = { tasks: 0, failures: 0, retries: 0 };

function round(rate: number): number {
  return Number(rate.toFixed(3));
}
