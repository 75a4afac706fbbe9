/** Writes outcomes of runs in micro-batches. Results are never best effort: promises resolve when they are committed. */
import { Batch, type Verdict } from "../runtime/batch.ts";
import type { Service } from "../runtime/service.ts";
import { isUnstorable, retryForever } from "./retry_forever.ts";
import type { Settlement } from "./result.ts";
import type { ResultStore } from "./store.ts";

/** Options of {@linkcode ResultWriter}. */
export interface ResultWriterOptions {
  readonly store: Pick<ResultStore, "settle">;
  /** Maximum number of settlements per statement. Default 500. */
  readonly size?: number;
  /** Milliseconds that the first settlement waits for others. Default: as {@linkcode Batch}. */
  readonly delayMs?: number;
  /** Milliseconds after which a failed statement counts as too large or too slow. Default 10,000. */
  readonly slowMs?: number;
  /** Milliseconds that a STARTED waits for a later state of its task. Default 5. */
  readonly startedMs?: number;
}

/** Maximum characters per statement, which bounds memory on client and server. */
const WEIGHT = 8 * 1024 * 1024;

/** Default of `slowMs`. */
const SLOW_MS = 10_000;

/** Default of `startedMs`: longer than most handlers that await a cache or a query, and shorter than a commit under load. */
const STARTED_MS = 5;

/** A waiting settlement, which a later one of its task may replace. */
interface Pending {
  settlement: Settlement;
  taken: Promise<boolean>;
  /** Adds it to the batch. Absent once that is done. */
  release?: (() => void) | undefined;
}

/** Micro-batches of {@linkcode ResultStore.settle}. Settlements of one task keep their order. A waiting STARTED or PROGRESS is replaced
 * by a later settlement. STARTED waits a moment for that, so that a short run costs one commit. */
export class ResultWriter implements Service {
  readonly #pending = new Map<string, Pending>();
  readonly #batch: Batch<Pending, boolean>;
  readonly #startedMs: number;
  /** STARTED settlements, the oldest first, with the times at which they are due. */
  #started: { readonly pending: Pending; readonly due: number }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ResultWriterOptions) {
    const { store, size = 500, delayMs, slowMs = SLOW_MS, startedMs = STARTED_MS } = options;
    this.#startedMs = startedMs;
    this.#batch = new Batch<Pending, boolean>({
      name: "results",
      flush: (batch) => {
        for (const pending of batch) {
          const { id } = pending.settlement;
          if (this.#pending.get(id) === pending) this.#pending.delete(id);
        }
        return detectSlow(slowMs, store.settle(batch.map(({ settlement }) => settlement)));
      },
      failed: (error, attempt, batch) => decide(error, attempt, batch.length),
      weigh: ({ settlement }) => weigh(settlement),
      weight: WEIGHT,
      size,
      ...(delayMs !== undefined && { delayMs }),
    });
  }

  start(): Promise<void> {
    return this.#batch.start();
  }

  /** Writes waiting settlements; rejects those that cannot be written now. */
  stop(): Promise<void> {
    this.#release(Infinity);
    return this.#batch.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Resolves when the settlement, or a later one of the same run, is committed: with whether its state was stored.
   *
   * @throws {DatabaseRefused} when this settlement cannot be stored
   * @throws {DatabaseUnavailable} when stopped before it could be stored */
  settle(settlement: Settlement): Promise<boolean> {
    const before = this.#pending.get(settlement.id);
    if (before && replaces(settlement, before.settlement)) {
      before.settlement = merge(before.settlement, settlement);
      if (settlement.state !== "STARTED") before.release?.();
      return before.taken;
    }
    before?.release?.(); // first, because the order is kept
    const pending: Pending = { settlement, taken: Promise.resolve(false) };
    // Before add(): a full batch is flushed at once, and a flushed settlement must not be replaced any more.
    this.#pending.set(settlement.id, pending);
    if (settlement.state === "STARTED" && this.#startedMs > 0) this.#hold(pending);
    else pending.taken = this.#batch.add(pending);
    return pending.taken;
  }

  #hold(pending: Pending): void {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    pending.taken = promise;
    pending.release = () => {
      pending.release = undefined;
      resolve(this.#batch.add(pending));
    };
    this.#started.push({ pending, due: performance.now() + this.#startedMs });
    this.#timer ??= setTimeout(() => this.#release(performance.now()), this.#startedMs);
  }

  /** Adds the held settlements that are due to the batch. Most were replaced, and are in it already. */
  #release(now: number): void {
    clearTimeout(this.#timer);
    const kept = this.#started.findIndex(({ pending, due }) => pending.release && due > now);
    const due = this.#started.splice(0, kept < 0 ? this.#started.length : kept);
    for (const { pending } of due) pending.release?.();
    const [next] = this.#started;
    this.#timer = next &&
      setTimeout(
        () => this.#release(performance.now()),
        Math.max(1, next.due - performance.now()),
      );
  }
}

/** Whether the later of two settlements can replace the earlier one. */
function replaces(later: Settlement, earlier: Settlement): boolean {
  const isTransient = earlier.state === "STARTED" || earlier.state === "PROGRESS";
  return isTransient && later.retries >= earlier.retries;
}

function merge(earlier: Settlement, later: Settlement): Settlement {
  return {
    ...later,
    argsRepr: later.argsRepr ?? earlier.argsRepr,
    kwargsRepr: later.kwargsRepr ?? earlier.kwargsRepr,
    startedAt: later.startedAt ?? earlier.startedAt,
  };
}

function weigh({ input, result, traceback, next, events = [] }: Settlement): number {
  return 1000 + (input?.length ?? 0) + (result?.length ?? 0) + (traceback?.length ?? 0) +
    [...next ? [next] : [], ...events].reduce(
      (sum, { message }) => sum + message.body.length * 4 / 3,
      0,
    );
}

/** A statement that failed after a long time; handled by {@linkcode decide}. */
class TooSlow extends Error {
  override readonly name = "TooSlow";
}

async function detectSlow<Value>(slowMs: number, work: Promise<Value>): Promise<Value> {
  const began = performance.now();
  try {
    return await work;
  } catch (cause) {
    if (isUnstorable(cause) || performance.now() - began < slowMs) throw cause;
    throw new TooSlow(`${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** Splits a batch whose statement takes too long, so that one settlement does not delay the others. */
function decide(error: unknown, attempt: number, settlements: number): Verdict {
  if (!(error instanceof TooSlow)) return retryForever("results", error, attempt);
  if (settlements > 1) return "split";
  const pause = retryForever("results", error.cause, attempt);
  return typeof pause === "number" ? { asideMs: pause } : pause;
}
