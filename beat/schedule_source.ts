/** Where schedules are kept: the seam between the scheduler and its two kinds of tables. */
import type { Fence } from "./lease.ts";
import type { Tick } from "./tick.ts";

/** What came of one look. */
export interface Round {
  /** Ticks whose messages are committed to the outbox now. */
  readonly sent: readonly SentTick[];
  /** Milliseconds until something falls due, as far as is known. */
  readonly restMs: number;
}

/** A tick that was sent. */
export interface SentTick extends Tick {
  readonly schedule: string;
  readonly task: string;
}

/** Schedules that a scheduler looks after. */
export interface ScheduleSource {
  /** Sends what is due: messages go into the outbox in the statement that moves their schedule, and only while the fence holds.
   *
   * @throws {DatabaseUnavailable} when it may or may not have done so; the next round finds out */
  tick(fence: Fence): Promise<Round>;
}
