/** The interface between the scheduler and the tables that contain schedules. */
import type { Fence } from "./lease.ts";
import type { Tick } from "./tick.ts";

/** The result of one round. */
export interface Round {
  /** Ticks whose messages this round committed to the outbox. */
  readonly sent: readonly SentTick[];
  /** Milliseconds until the next tick is due. */
  readonly restMs: number;
}

/** A tick of a schedule, sent or about to be sent. */
export interface SentTick extends Tick {
  readonly schedule: string;
  readonly task: string;
}

/** A table of schedules. */
export interface ScheduleSource {
  /** Sends the due ticks: one statement adds their messages to the outbox and updates their schedules, if the fence is still valid.
   *
   * @throws {DatabaseUnavailable} when the outcome is unknown; the next round continues from the stored state */
  tick(fence: Fence): Promise<Round>;
}
