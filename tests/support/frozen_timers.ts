/** Runs work without new timers.
 * @module
 */

/** Runs work during which no new timeout fires.
 *
 * A promise that only a timeout would settle stays pending, and Deno fails the test at once. Work that
 * settles here therefore settled for another reason, on a machine of any speed.
 *
 * @throws the error of the work */
export async function withFrozenTimers<Result>(work: () => Promise<Result>): Promise<Result> {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (() => 0) as unknown as typeof setTimeout;
  try {
    return await work();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}
