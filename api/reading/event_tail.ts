/** Follows the recorded events for any number of readers with one poll. */
import type { EventStore, RecordedEvent } from "../../shared/events/event_store.ts";
import { SharedReads } from "./shared_reads.ts";

/** Milliseconds between two polls. */
const EVERY_MS = 500;

/** Maximum number of events in one read. */
const PAGE = 100;

/** Options of {@linkcode EventTail}. */
export interface EventTailOptions {
  readonly store: Pick<EventStore, "after" | "lastPosition">;
  /** Milliseconds between two polls. Default 500. */
  readonly everyMs?: number;
}

/** Polls the last position only while someone follows. Readers at the same position share one read. */
export class EventTail {
  readonly #store: EventTailOptions["store"];
  readonly #everyMs: number;
  readonly #reads: SharedReads<RecordedEvent[]>;
  #followers = 0;
  #last = 0;
  #changed = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ store, everyMs = EVERY_MS }: EventTailOptions) {
    this.#store = store;
    this.#everyMs = everyMs;
    this.#reads = new SharedReads((position) => store.after(Number(position), { limit: PAGE }));
  }

  /** Yields all events after a position, in the order of their positions, until the signal aborts.
   *
   * A failed read is repeated at the next poll: while the database is away, nothing is yielded. */
  async *follow(position: number, signal: AbortSignal): AsyncGenerator<readonly RecordedEvent[]> {
    this.#followers++;
    this.#schedule();
    try {
      let read = position;
      for (let first = true; !signal.aborted; first = false) {
        if (!first && read >= this.#last) {
          await this.#change(signal);
          continue;
        }
        // The events up to here may be deleted already.
        const last = this.#last;
        const page = await this.#reads.read(String(read)).catch(() => undefined);
        if (signal.aborted) return;
        if (page === undefined) await this.#change(signal);
        else if (page.length === 0) read = Math.max(read, last);
        else {
          read = page.at(-1)!.position;
          this.#last = Math.max(this.#last, read);
          yield page;
        }
      }
    } finally {
      this.#followers--;
      if (this.#followers === 0) {
        clearTimeout(this.#timer);
        this.#timer = undefined;
      }
    }
  }

  /** Resolves at the next poll that finds new events, or that follows a failed one, and on the signal. */
  async #change(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    signal.addEventListener("abort", end, { once: true });
    await Promise.race([this.#changed.promise, aborted]);
    signal.removeEventListener("abort", end);
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#poll(), this.#everyMs);
  }

  async #poll(): Promise<void> {
    const last = await this.#store.lastPosition().catch(() => undefined);
    this.#timer = undefined;
    if (this.#followers === 0) return;
    this.#schedule();
    if (last === undefined) return;
    this.#last = Math.max(this.#last, last);
    // Also without news: a read may have failed.
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}
