/** The load that every client produces in the same way. Runs on Deno and on Node: no imports.
 * @module
 */

/** Result of a timed load. */
export interface LoadResult {
  /** Calls per second. */
  readonly rate: number;
  /** Milliseconds of one call. */
  readonly p50: number;
  readonly p99: number;
  readonly calls: number;
}

/** Keeps a number of calls in flight for some seconds.
 *
 * @param call one submission, or one submission with its result */
export async function keepInFlight(
  inFlight: number,
  seconds: number,
  call: () => Promise<unknown>,
): Promise<LoadResult> {
  const took: number[] = [];
  const began = performance.now();
  const end = began + seconds * 1000;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    do {
      const before = performance.now();
      await call();
      took.push(performance.now() - before);
    } while (performance.now() < end);
  }));
  const elapsed = (performance.now() - began) / 1000;
  return { rate: took.length / elapsed, ...quantiles(took), calls: took.length };
}

/** Sends tasks in batches, some batches at the same time.
 *
 * @param send sends a batch of this size and resolves when it is accepted
 * @returns epoch milliseconds of the first send */
export async function sendBatches(
  tasks: number,
  batch: number,
  inFlight: number,
  send: (size: number) => Promise<unknown>,
): Promise<{ beganMs: number }> {
  const beganMs = nowMs();
  let left = tasks;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left > 0) {
      const size = Math.min(batch, left);
      left -= size;
      await send(size);
    }
  }));
  return { beganMs };
}

/** Sends single tasks to an idle system.
 *
 * @param call sends one task and returns when its handler began, epoch milliseconds
 * @returns milliseconds from the send to the begin of the handler */
export async function pickUpDelays(
  count: number,
  pauseMs: number,
  call: () => Promise<number>,
): Promise<{ p50: number; p99: number }> {
  const delays: number[] = [];
  for (let index = 0; index < count; index++) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const sent = nowMs();
    delays.push(await call() - sent);
  }
  return quantiles(delays);
}

/** The current time with a resolution below a millisecond, epoch milliseconds. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

function quantiles(values: readonly number[]): { p50: number; p99: number } {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (part: number) => sorted[Math.max(Math.ceil(sorted.length * part) - 1, 0)] ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
