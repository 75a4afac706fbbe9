/** Computes the prefetch of a consumer: enough to keep its slots busy, and no more, so that the workers share the backlog. */
import { MAX_PREFETCH } from "../shared/broker/errors.ts";
import type { TaskContract } from "../shared/contracts/task.ts";
import type { Semaphore } from "./running/semaphore.ts";

/** Seconds from an acknowledgement to the next delivery, including the commit of a record. Prefetched deliveries bridge this time. */
const ROUND_TRIP = 0.05;
/** Weight of the latest run in the mean duration. */
const LATEST = 1 / 8;
/** A consumer is replaced if its prefetch is too large or too small by this factor. */
const OUTDATED = 2;

/** Computes the prefetch for a number of slots.
 *
 * @param places number of slots
 * @param mean mean duration of a run, seconds
 * @param factor most deliveries for each slot (`CELERIAC_PREFETCH_FACTOR`)
 *
 * @example
 * ```ts
 * import { prefetchFor } from "./prefetch.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(prefetchFor(32, 0.001, 8), 256);
 * assertEquals(prefetchFor(32, 0.05, 8), 64);
 * assertEquals(prefetchFor(2, 15, 8), 3);
 * assertEquals(prefetchFor(2, 15, 1), 2);
 * ```
 */
export function prefetchFor(places: number, mean: number, factor: number): number {
  const most = Math.min(MAX_PREFETCH, Math.ceil(places * factor));
  return Math.min(most, Math.max(places + 1, Math.ceil(places * (1 + ROUND_TRIP / mean))));
}

/** Options of {@linkcode Prefetch}. */
export interface PrefetchOptions {
  /** Tasks of a queue that this worker runs. */
  tasks(queue: string): readonly TaskContract[];
  /** Slots for runs of a contract; the same object for all contracts that share slots. */
  slots(contract: TaskContract): Pick<Semaphore, "size">;
  /** Slots for inline runs. */
  readonly inline: Pick<Semaphore, "size">;
  readonly factor: number;
}

/** The prefetch of each queue. It depends on the mean duration of the runs. */
export class Prefetch {
  readonly #options: PrefetchOptions;
  /** Mean seconds of a run, by queue. */
  readonly #inline = new Map<string, number>();
  readonly #process = new Map<string, number>();

  constructor(options: PrefetchOptions) {
    this.#options = options;
  }

  /** Records the duration of a run. */
  ran(queue: string, { run }: Pick<TaskContract, "run">, seconds: number): void {
    const means = run === "process" ? this.#process : this.#inline;
    const before = means.get(queue);
    means.set(queue, before === undefined ? seconds : before + (seconds - before) * LATEST);
  }

  /** Prefetch of a queue. Before their first run, inline tasks count as fast, and tasks in child processes as slow. */
  of(queue: string): number {
    const { tasks, slots, inline, factor } = this.#options;
    const contracts = tasks(queue);
    const pools = new Set(contracts.filter(({ run }) => run === "process").map(slots));
    const hasInline = contracts.some(({ run }) => run !== "process");
    if (pools.size === 0) return prefetchFor(inline.size, this.#inline.get(queue) ?? 0, factor);
    const children = [...pools].reduce((sum, { size }) => sum + size, 0);
    const slow = prefetchFor(children, this.#process.get(queue) ?? Infinity, factor);
    // Tasks that wait for a child process must not block the inline tasks behind them.
    const fast = hasInline ? prefetchFor(inline.size, 0, factor) : 0;
    return Math.min(MAX_PREFETCH, fast + slow);
  }

  /** Whether a consumer with this prefetch must be replaced. */
  isOutdated(queue: string, prefetch: number): boolean {
    const now = this.of(queue);
    return now >= prefetch * OUTDATED || prefetch >= now * OUTDATED;
  }
}
