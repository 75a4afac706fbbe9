/** Watching one record: woken by events, never trusting them alone. */
import type { HeardEvent } from "../shared/celery/event.ts";
import { isFinal, type TaskRecord } from "../shared/results/result.ts";
import type { ResultStore } from "../shared/results/store.ts";
import type { Live } from "./live.ts";

/** Events are best effort: the store is re-read at least this often. */
const READ_MS = 1000;

const BEGINNINGS: ReadonlySet<string> = new Set(["task-sent", "task-received", "task-started"]);

/** What watching takes. */
export interface WatchOptions {
  readonly store: Pick<ResultStore, "find">;
  readonly live: Live;
  /** Ends the watching. */
  readonly signal: AbortSignal;
  /** Milliseconds between two reads at most; default 1 s. */
  readonly readMs?: number;
  /** Milliseconds before the first read; default none. */
  readonly afterMs?: number;
  /** Whether events that only tell of a beginning are a reason to read, too; default `false`. */
  readonly beginnings?: boolean;
  /** Hears the events themselves as well. */
  readonly onEvent?: (event: HeardEvent) => void;
}

/** Yields the record, or `undefined` while there is none: at once (in any case, unless told to begin later), after each event that may have changed it, and each `readMs`. Ends after a final one, with the signal, or when `live` is stopped.
 *
 * @throws {Unavailable} when too many watch already
 * @throws {DatabaseUnavailable} when the store cannot be read */
export async function* watch(
  id: string,
  options: WatchOptions,
): AsyncGenerator<TaskRecord | undefined> {
  const { store, live, readMs = READ_MS, afterMs = 0, beginnings = false, onEvent } = options;
  const signal = AbortSignal.any([options.signal, live.closing]);
  const bell = new Bell(signal);
  using _subscription = live.subscribe(id, (event) => {
    onEvent?.(event);
    if (event.type !== "task-progress" && (beginnings || !BEGINNINGS.has(event.type))) bell.ring();
  });
  if (afterMs > 0) {
    await bell.rung(afterMs);
    if (signal.aborted) return;
  }
  do {
    const record = await store.find(id);
    yield record;
    if (record && isFinal(record.state)) return;
    await bell.rung(readMs);
  } while (!signal.aborted);
}

/** Watches until the record is final or the signal ends it.
 *
 * @returns the last that was read */
export async function watchToEnd(
  id: string,
  options: WatchOptions,
): Promise<TaskRecord | undefined> {
  let last: TaskRecord | undefined;
  for await (const record of watch(id, options)) last = record;
  return last;
}

/** Remembers a ring that came while nobody waited. */
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

  /** Resolves at the next ring, after `limitMs`, or with the signal. */
  async rung(limitMs: number): Promise<void> {
    if (!this.#rang && !this.#signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, limitMs);
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
    }
    this.#rang = false;
  }
}
