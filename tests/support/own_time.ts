/** Elapsed time without the time in which the machine did not run this process.
 * @module
 */

const STEP_MS = 20;

/** Measures work in milliseconds, without the time in which the machine did not run this process.
 * A test can therefore check response times on a busy machine.
 *
 * Timers and loopback traffic of the work must be in this process too.
 *
 * @throws the error of the work */
export async function ownTime(work: () => Promise<unknown>): Promise<number> {
  let steps = 0;
  const timer = setInterval(() => steps++, STEP_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return steps * STEP_MS;
}
