/** Watches one record by events and polling. */
import type { ReceivedEvent } from "../../shared/celery/event.ts";
import { isFinal, type State, type TaskRecord } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { EventHub } from "./event_hub.ts";
import type { StatePolling } from "./state_polling.ts";

const BEGINNINGS: ReadonlySet<string> = new Set(["task-sent", "task-received", "task-started"]);

/** Dependencies of watching. */
export interface WatchParts {
  /** Shares reads of one record. */
  readonly store: Pick<ResultStore, "find">;
  readonly hub: EventHub;
  readonly polling: StatePolling;
}

/** Options of watching. */
export interface WatchOptions extends WatchParts {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Whether to read after `task-sent`, `task-received` and `task-started`, too; default `false`. */
  readonly beginnings?: boolean;
  /** Who waits, for its share of the places. */
  readonly owner?: string;
  /** Called with each event. */
  readonly onEvent?: (event: ReceivedEvent) => void;
}

/** Yields the record, or `undefined` without one: at the start, after each event that may have changed it, and when polling finds a new
 * state. Ends after a final record, on the signal, or when the hub stops. Without events, polling notices a retry only by its next state.
 *
 * @throws {Unavailable} above the limit of waiting callers
 * @throws {DatabaseUnavailable} when the store cannot be read */
export async function* watch(
  id: string,
  options: WatchOptions,
): AsyncGenerator<TaskRecord | undefined> {
  const { store, hub, polling, beginnings = false, onEvent, owner } = options;
  const signal = AbortSignal.any([options.signal, hub.closing]);
  const bell = new Bell(signal);
  let record: TaskRecord | undefined;
  let polled: { state: State | undefined; error: Error | undefined } | undefined;
  using _subscription = hub.subscribe(id, (event) => {
    onEvent?.(event);
    if (event.type === "task-progress" || (!beginnings && BEGINNINGS.has(event.type))) return;
    polled = undefined;
    bell.ring();
  }, owner);
  record = await store.find(id);
  using _following = polling.follow(id, (state, error) => {
    const progress = beginnings && state === "PROGRESS";
    if (!error && state !== undefined && state === record?.state && !progress) return;
    polled = { state, error };
    bell.ring();
  });
  for (;;) {
    yield record;
    if (record && isFinal(record.state)) return;
    await bell.rung();
    if (signal.aborted) return;
    const found = polled;
    polled = undefined;
    if (found?.error) throw found.error;
    // Still no record: no second read is needed.
    record = found && found.state === undefined ? undefined : await store.find(id);
  }
}

/** Watches until the record is final or the signal aborts.
 *
 * @returns the last record read */
export async function watchToEnd(
  id: string,
  options: WatchOptions,
): Promise<TaskRecord | undefined> {
  let last: TaskRecord | undefined;
  for await (const record of watch(id, options)) last = record;
  return last;
}

/** A signal that is kept if it comes while nothing waits. */
class Bell {
  readonly #signal: AbortSignal;
  #wake: (() => void) | undefined;
  #rang = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.ring(), { once: true });
  }

  ring(): void {
    this.#rang = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, or on the signal. */
  async rung(): Promise<void> {
    if (!this.#rang && !this.#signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    this.#rang = false;
  }
}
