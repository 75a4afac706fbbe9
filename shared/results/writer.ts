/** Writes what runs led to, in micro-batches. Results are never best effort: the promise holds until they are committed. */
import { Batch, type Verdict } from "../runtime/batch.ts";
import type { Service } from "../runtime/service.ts";
import { isUnstorable, retryForever } from "./patience.ts";
import type { Settlement } from "./result.ts";
import type { ResultStore } from "./store.ts";

/** What a writer works with. */
export interface ResultWriterOptions {
  readonly store: Pick<ResultStore, "settle">;
  /** Settlements in one statement. Default 500. */
  readonly size?: number;
  /** Milliseconds that the first settlement waits for others. Default 2. */
  readonly delayMs?: number;
  /** Milliseconds after which a statement that failed was too large or too slow. Default 10,000. */
  readonly slowMs?: number;
}

/** Characters in one statement, so that large results do not pile up in memory at both ends. */
const WEIGHT = 8 * 1024 * 1024;

/** Milliseconds after which a statement that failed was too much for one: its settlements are written apart. */
const SLOW_MS = 10_000;

/** A settlement that waits, and may still be overtaken by a later one of its task. */
interface Pending {
  settlement: Settlement;
  taken: Promise<boolean>;
}

/** Micro-batches of {@linkcode ResultStore.settle}. Settlements of one task keep their order; of STARTED and PROGRESS only the last is
 * written if they come faster than they are written. */
export class ResultWriter implements Service {
  readonly #pending = new Map<string, Pending>();
  readonly #batch: Batch<Pending, boolean>;

  constructor({ store, size = 500, delayMs = 0, slowMs = SLOW_MS }: ResultWriterOptions) {
    this.#batch = new Batch<Pending, boolean>({
      name: "results",
      flush: (batch) => {
        for (const pending of batch) {
          const { id } = pending.settlement;
          if (this.#pending.get(id) === pending) this.#pending.delete(id);
        }
        return inReasonableTime(slowMs, store.settle(batch.map(({ settlement }) => settlement)));
      },
      failed: (error, attempt, batch) => judge(error, attempt, batch.length),
      weigh: ({ settlement }) => weigh(settlement),
      weight: WEIGHT,
      size,
      delayMs,
    });
  }

  start(): Promise<void> {
    return this.#batch.start();
  }

  /** Writes what waits. What cannot be written now is rejected. */
  stop(): Promise<void> {
    return this.#batch.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Resolves when the settlement, or a later one of the same run, is committed: with whether its state was taken.
   *
   * @throws {DatabaseRefused} when this very settlement cannot be stored
   * @throws {DatabaseUnavailable} when stopped before it could be stored */
  settle(settlement: Settlement): Promise<boolean> {
    const before = this.#pending.get(settlement.id);
    if (before && overtakes(settlement, before.settlement)) {
      before.settlement = merge(before.settlement, settlement);
      return before.taken;
    }
    const pending: Pending = { settlement, taken: Promise.resolve(false) };
    // First: a batch that this one fills is flushed at once, and what is flushed must not be overtaken any more.
    this.#pending.set(settlement.id, pending);
    pending.taken = this.#batch.add(pending);
    return pending.taken;
  }
}

/** Whether nothing is lost if only the later of two settlements is written. */
function overtakes(later: Settlement, earlier: Settlement): boolean {
  const passing = earlier.state === "STARTED" || earlier.state === "PROGRESS";
  return passing && later.retries >= earlier.retries;
}

function merge(earlier: Settlement, later: Settlement): Settlement {
  return {
    ...later,
    argsRepr: later.argsRepr ?? earlier.argsRepr,
    kwargsRepr: later.kwargsRepr ?? earlier.kwargsRepr,
    startedAt: later.startedAt ?? earlier.startedAt,
  };
}

function weigh({ result, traceback, next }: Settlement): number {
  return 1000 + (result?.length ?? 0) + (traceback?.length ?? 0) +
    (next?.message.body.length ?? 0) * 4 / 3;
}

/** A statement that failed after a long time. Caught by {@linkcode judge}. */
class TooSlow extends Error {
  override readonly name = "TooSlow";
}

async function inReasonableTime<Value>(slowMs: number, work: Promise<Value>): Promise<Value> {
  const began = performance.now();
  try {
    return await work;
  } catch (cause) {
    if (isUnstorable(cause) || performance.now() - began < slowMs) throw cause;
    throw new TooSlow(`${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** Where a statement takes too long, all that it would write is tried apart: one settlement must not hold up the others. */
function judge(error: unknown, attempt: number, settlements: number): Verdict {
  if (!(error instanceof TooSlow)) return retryForever("results", error, attempt);
  if (settlements > 1) return "split";
  const pause = retryForever("results", error.cause, attempt);
  return typeof pause === "number" ? { asideMs: pause } : pause;
}
