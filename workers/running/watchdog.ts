/** Detects inline handlers that block the worker's event loop. */
import type { Events } from "../../shared/telemetry/events.ts";
import type { Service } from "../../shared/runtime/service.ts";
import type { Meta } from "../../shared/results/result.ts";

/** Timer interval, milliseconds. */
const INTERVAL_MS = 100;

/** A running inline attempt. */
export interface WatchedAttempt {
  readonly task: { readonly id: string; readonly task: string };
  readonly meta: Meta;
}

/** Options of a {@linkcode Watchdog}. */
export interface WatchdogOptions {
  readonly events: Pick<Events, "emit">;
  /** Seconds that a handler may block the event loop. */
  readonly bound: number;
}

/** Reports handlers that blocked the event loop longer than the limit.
 *
 * The time before a handler's first `await` is measured exactly. Later blocking is detected because a timer fires late. In that case the
 * handler is certain only if no other handler ran. */
export class Watchdog implements Service {
  readonly #events: Pick<Events, "emit">;
  readonly #boundMs: number;
  readonly #running = new Set<WatchedAttempt>();
  #timer: ReturnType<typeof setInterval> | undefined;
  /** When the timer last fired, or blocking was last reported. */
  #last = performance.now();

  constructor({ events, bound }: WatchdogOptions) {
    this.#events = events;
    this.#boundMs = bound * 1000;
  }

  start(): Promise<void> {
    this.#last = performance.now();
    this.#timer ??= setInterval(() => this.#check(), INTERVAL_MS);
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
    const began = performance.now();
    this.#check(began); // an earlier delay was not caused by this handler
    this.#running.add(watched);
    try {
      return call();
    } finally {
      const heldMs = performance.now() - began;
      if (heldMs > this.#boundMs) {
        this.#last = performance.now();
        this.#report(watched, heldMs, true);
      }
    }
  }

  /** Stops watching a handler. Call it before the record is stored, so that the record contains the report. */
  leave(watched: WatchedAttempt): void {
    this.#check();
    this.#running.delete(watched);
  }

  #check(now = performance.now()): void {
    const lateMs = now - this.#last - INTERVAL_MS;
    if (lateMs < 0) return;
    this.#last = now;
    if (lateMs <= this.#boundMs || this.#timer === undefined) return;
    const sure = this.#running.size === 1;
    for (const watched of this.#running) this.#report(watched, lateMs, sure);
  }

  #report({ task, meta }: WatchedAttempt, heldMs: number, sure: boolean): void {
    const seconds = Math.round(heldMs) / 1000;
    meta.blocked = { seconds, sure };
    this.#events.emit({ type: "task-blocked", id: task.id, name: task.task, seconds, sure });
  }
}
