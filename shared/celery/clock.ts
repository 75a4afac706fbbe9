/** Lamport clock: orders the messages between Celery nodes (kombu/clocks.py). */

/** Maximum valid clock: the next tick must still be an exact integer. */
const CLOCK_MAX = 2 ** 52;

/** The clock of one node. It advances with each message sent and past the clock of each message received.
 *
 * @example
 * ```ts
 * import { LamportClock } from "./clock.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new LamportClock();
 * assertEquals(clock.tick(), 1);
 * clock.adjust(40);
 * assertEquals(clock.tick(), 42);
 * ```
 */
export class LamportClock {
  #value = 0;

  /** Current value. */
  get value(): number {
    return this.#value;
  }

  /** Advances the clock for the next message to send. */
  tick(): number {
    return ++this.#value;
  }

  /** Advances past the clock of a received message. Ignores invalid clocks. */
  adjust(other: number): void {
    if (!Number.isSafeInteger(other) || other < 0 || other > CLOCK_MAX) return;
    this.#value = Math.max(this.#value, other) + 1;
  }
}
