/** Tracks destinations that reject every message.
 *
 * RabbitMQ 3.10 does not notify a channel when a queue loses its length limit: it rejects the channel's messages until the channel is
 * closed. The publisher therefore opens a new channel after a while.
 * @module
 */
import type { Message } from "../message.ts";

/** Tracks rejections (nacks) until a destination accepts a message.
 *
 * @example
 * ```ts
 * import { RefusedDestinations } from "./refused_destinations.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const refused = new RefusedDestinations(1000);
 * const message = { exchange: "", routingKey: "full", properties: {}, headers: {}, body: new Uint8Array() };
 * assertEquals([0, 999, 1000].map((now) => refused.rejected(message, now)), [false, false, true]);
 * refused.confirmed(message);
 * assertEquals(refused.rejected(message, 2000), false);
 * ```
 */
export class RefusedDestinations {
  readonly #thresholdMs: number;
  readonly #since = new Map<string, number>();

  /** @param thresholdMs milliseconds of nothing but rejections after which a new channel is needed */
  constructor(thresholdMs: number) {
    this.#thresholdMs = thresholdMs;
  }

  /** Records a rejected message.
   *
   * @param now milliseconds
   * @returns whether the threshold is reached; the time then restarts */
  rejected(message: Message, now: number): boolean {
    const destination = destinationOf(message);
    const since = this.#since.get(destination);
    if (since === undefined) this.#since.set(destination, now);
    if (since === undefined || now - since < this.#thresholdMs) return false;
    this.#since.delete(destination);
    return true;
  }

  /** Records a confirmed message. */
  confirmed(message: Message): void {
    if (this.#since.size > 0) this.#since.delete(destinationOf(message));
  }
}

function destinationOf({ exchange, routingKey }: Message): string {
  return `${exchange}\n${routingKey}`;
}
