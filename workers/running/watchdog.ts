/** Watches inline handlers: which one holds the worker's event loop. */
import type { Events } from "../../shared/telemetry/events.ts";
import type { Service } from "../../shared/runtime/service.ts";
import type { Meta } from "../../shared/results/result.ts";

/** How often the loop must come round, milliseconds. */
const INTERVAL_MS = 100;

/** An inline attempt. */
export interface WatchedAttempt {
  readonly task: { readonly id: string; readonly task: string };
  readonly meta: Meta;
}

/** What a watchdog works with. */
export interface WatchdogOptions {
  readonly events: Pick<Events, "emit">;
  /** Seconds that a handler may hold the loop. */
  readonly bound: number;
}

/** Names the handlers that held the event loop longer than the bound.
 *
 * What a handler does before its first `await` is measured, and sure. What it does later is known by the
 * loop coming round late: it was that handler for sure only if no other ran. */
export class Watchdog implements Service {
  readonly #events: Pick<Events, "emit">;
  readonly #boundMs: number;
  readonly #running = new Set<WatchedAttempt>();
  #timer: ReturnType<typeof setInterval> | undefined;
  /** When the loop last came round, or was found held. */
  #last = performance.now();

  constructor({ events, bound }: WatchdogOptions) {
    this.#events = events;
    this.#boundMs = bound * 1000;
  }

  start(): Promise<void> {
    this.#last = performance.now();
    this.#timer ??= setInterval(() => this.#look(), INTERVAL_MS);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Calls a handler and watches it until {@linkcode Watchdog.leave}. */
  enter<Returned>(watched: WatchedAttempt, call: () => Returned): Returned {
    this.#look(); // what was late before is none of its doing
    this.#running.add(watched);
    const began = performance.now();
    try {
      return call();
    } finally {
      const heldMs = performance.now() - began;
      if (heldMs > this.#boundMs) {
        this.#last = performance.now();
        this.#tell(watched, heldMs, true);
      }
    }
  }

  /** Its handler is over; before its record is written, so that the record can tell. */
  leave(watched: WatchedAttempt): void {
    this.#look();
    this.#running.delete(watched);
  }

  #look(): void {
    const now = performance.now();
    const lateMs = now - this.#last - INTERVAL_MS;
    if (lateMs < 0) return;
    this.#last = now;
    if (lateMs <= this.#boundMs || this.#timer === undefined) return;
    const sure = this.#running.size === 1;
    for (const watched of this.#running) this.#tell(watched, lateMs, sure);
  }

  #tell({ task, meta }: WatchedAttempt, heldMs: number, sure: boolean): void {
    const seconds = Math.round(heldMs) / 1000;
    meta.blocked = { seconds, sure };
    this.#events.emit({ type: "task-blocked", id: task.id, name: task.task, seconds, sure });
  }
}
