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
}

/** Maximum characters per statement, which bounds memory on client and server. */
const WEIGHT = 8 * 1024 * 1024;

/** Default of `slowMs`. */
const SLOW_MS = 10_000;

/** A waiting settlement, which a later one of its task may replace. */
interface Pending {
  settlement: Settlement;
  taken: Promise<boolean>;
}

/** Micro-batches of {@linkcode ResultStore.settle}. Settlements of one task keep their order. A waiting STARTED or PROGRESS is replaced
 * by a later settlement. */
export class ResultWriter implements Service {
  readonly #pending = new Map<string, Pending>();
  readonly #batch: Batch<Pending, boolean>;

  constructor({ store, size = 500, delayMs, slowMs = SLOW_MS }: ResultWriterOptions) {
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
      return before.taken;
    }
    const pending: Pending = { settlement, taken: Promise.resolve(false) };
    // Before add(): a full batch is flushed at once, and a flushed settlement must not be replaced any more.
    this.#pending.set(settlement.id, pending);
    pending.taken = this.#batch.add(pending);
    return pending.taken;
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

function weigh({ result, traceback, next, events = [] }: Settlement): number {
  return 1000 + (result?.length ?? 0) + (traceback?.length ?? 0) +
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
