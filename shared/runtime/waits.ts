/** Waits that can end early.
 * @module
 */

/** The reason of signals that are aborted because their work is over, for listeners that ignore it. Without a reason, each
 * `abort()` creates an exception with a stack. */
export const ENDED = new DOMException("The work has ended", "AbortError");

/** Resolves after `ms` milliseconds, or immediately when the signal is or becomes aborted.
 *
 * @example
 * ```ts
 * import { pause } from "./waits.ts";
 *
 * await pause(60_000, AbortSignal.abort());
 * ```
 */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const timer = setTimeout(end, ms);
  signal?.addEventListener("abort", end, { once: true });
  await promise;
  clearTimeout(timer);
  signal?.removeEventListener("abort", end);
}

/** Resolves with the first of these promises, or after `ms` milliseconds.
 *
 * @throws the error of the first promise to settle, if it rejects
 * @example
 * ```ts
 * import { waitAtMost } from "./waits.ts";
 *
 * await waitAtMost(60_000, Promise.resolve());
 * ```
 */
export async function waitAtMost(ms: number, ...events: Promise<unknown>[]): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, ms);
  try {
    await Promise.race([...events, over.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Settles as the work does, unless the signal aborts first. The work then continues and its outcome is ignored.
 *
 * @throws the signal's reason
 * @example
 * ```ts
 * import { unlessAborted } from "./waits.ts";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => unlessAborted(new Promise(() => {}), AbortSignal.abort()), DOMException);
 * ```
 */
export async function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, work]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => {});
  }
}

/** Settles as the work does if it ends in time. Otherwise a signal tells the work to stop; it may continue nevertheless.
 *
 * @param late creates the error for work that takes too long
 * @throws the error that `late` creates
 * @example
 * ```ts
 * import { withTimeout } from "./waits.ts";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => withTimeout(0, () => new Error("late"), () => new Promise(() => {})), Error, "late");
 * ```
 */
export async function withTimeout<Result>(
  ms: number,
  late: () => Error,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(late()), ms);
  try {
    return await unlessAborted(work(over.signal), over.signal);
  } finally {
    clearTimeout(timer);
  }
}
