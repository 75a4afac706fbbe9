/** The time by which due times, expiry and schedules are judged: the database's, in every process.
 * @module
 */

/** Tells the time. */
export interface Clock {
  now(): Date;
}

/** The clock of this machine, for a process that has no database or has not reached it yet. */
export const SYSTEM_CLOCK: Clock = { now: () => new Date() };

/** Resolves when the time has come; `undefined` where it has. */
export function waitUntil(time: Date, clock: Clock): Promise<void> | undefined {
  const ms = time.getTime() - clock.now().getTime();
  return ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : undefined;
}
