/** Time as this process had it.
 * @module
 */

const STEP_MS = 20;

/** Milliseconds that a piece of work took, less the time in which the machine did not run this process:
 * a promise of an answer in time can be tested on a busy machine.
 *
 * Timers and loopback traffic of the work must be in this process, too.
 *
 * @throws whatever the work throws */
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
