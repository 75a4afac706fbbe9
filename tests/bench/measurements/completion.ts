/** Waits for recorded completions.
 * @module
 */
import type { OpenSystem } from "../systems/system.ts";

/** Counting takes time from the measured programs, so polls are rare until the end is near. */
const SHORTEST_MS = 50;
const LONGEST_MS = 2_000;
/** Milliseconds without one completion after which a measurement fails. */
const STALLED_MS = 60_000;

/** Waits until this many tasks are recorded as completed.
 *
 * @throws if nothing is completed for a minute */
export async function untilFinished(
  open: Pick<OpenSystem, "finished">,
  tasks: number,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const atFirst = await open.finished();
  let last = { count: atFirst, at: began };
  while (true) {
    signal.throwIfAborted();
    const count = await open.finished();
    const now = performance.now();
    if (count >= tasks) return;
    if (count !== last.count) last = { count, at: now };
    if (now - last.at > STALLED_MS) {
      throw new Error(`Only ${count} of ${tasks} tasks have finished, none in the last minute`);
    }
    const rate = (count - atFirst) / (now - began);
    const halfOfTheRest = rate > 0 ? (tasks - count) / rate / 2 : SHORTEST_MS;
    const pause = Math.min(Math.max(halfOfTheRest, SHORTEST_MS), LONGEST_MS);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
