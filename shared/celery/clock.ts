/** Lamport's clock, by which Celery's nodes put in order what they tell each other (kombu/clocks.py). */

/** Beyond this a clock is no clock: one more tick must still be a whole number. */
const CLOCK_MAX = 2 ** 52;

/** The clock of one node: it goes on with each message sent, and is never behind a message heard.
 *
 * @example
 * ```ts
 * import { LamportClock } from "./clock.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new LamportClock();
 * assertEquals(clock.tick(), 1);
 * clock.hear(40);
 * assertEquals(clock.tick(), 42);
 * ```
 */
export class LamportClock {
  #value = 0;

  /** As it stands. */
  get value(): number {
    return this.#value;
  }

  /** Moves on, for a message about to be sent. */
  tick(): number {
    return ++this.#value;
  }

  /** Moves past the clock of a message heard; what is no clock is left aside. */
  hear(other: number): void {
    if (!Number.isSafeInteger(other) || other < 0 || other > CLOCK_MAX) return;
    this.#value = Math.max(this.#value, other) + 1;
  }
}
