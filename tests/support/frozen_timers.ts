/** Work without time.
 * @module
 */

/** Runs work during which no new timeout fires.
 *
 * A promise that only a timeout would settle stays pending, and Deno fails the test at once: whatever
 * ends here ends by another cause, whatever the speed of the machine.
 *
 * @throws whatever the work throws */
export async function withFrozenTimers<Result>(work: () => Promise<Result>): Promise<Result> {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (() => 0) as unknown as typeof setTimeout;
  try {
    return await work();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}
