/** The clock that decides due times, expiry and schedules: the database's clock, in every process.
 * @module
 */

/** A source of the current time. */
export interface Clock {
  now(): Date;
}

/** The clock of this machine, for a process without a database or before its first answer. */
export const SYSTEM_CLOCK: Clock = { now: () => new Date() };

/** Resolves at a point in time; `undefined` when it has passed. */
export function waitUntil(time: Date, clock: Clock): Promise<void> | undefined {
  const ms = time.getTime() - clock.now().getTime();
  return ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : undefined;
}
