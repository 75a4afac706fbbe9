/** Destinations that refuse every message, and since when.
 *
 * RabbitMQ 3.10 does not tell a channel that a queue has lost its length limit: it goes on refusing what the channel publishes there, as
 * long as the channel lives. So one that is refused everything for long asks over a fresh channel.
 * @module
 */
import type { Message } from "../message.ts";

/** Remembers refusals until a destination takes a message.
 *
 * @example
 * ```ts
 * import { RefusedDestinations } from "./refused_destinations.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const refusals = new RefusedDestinations(1000);
 * const message = { exchange: "", routingKey: "full", properties: {}, headers: {}, body: new Uint8Array() };
 * assertEquals([0, 999, 1000].map((now) => refusals.refused(message, now)), [false, false, true]);
 * refusals.taken(message);
 * assertEquals(refusals.refused(message, 2000), false);
 * ```
 */
export class RefusedDestinations {
  readonly #patienceMs: number;
  readonly #since = new Map<string, number>();

  /** @param patienceMs milliseconds of nothing but refusals after which they count as lasting */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** A message was refused.
   *
   * @param now milliseconds
   * @returns whether its destination has refused everything for long; `true` once, then time counts anew */
  refused(message: Message, now: number): boolean {
    const destination = destinationOf(message);
    const since = this.#since.get(destination);
    if (since === undefined) this.#since.set(destination, now);
    if (since === undefined || now - since < this.#patienceMs) return false;
    this.#since.delete(destination);
    return true;
  }

  /** A message was confirmed. */
  taken(message: Message): void {
    if (this.#since.size > 0) this.#since.delete(destinationOf(message));
  }
}

function destinationOf({ exchange, routingKey }: Message): string {
  return `${exchange}\n${routingKey}`;
}
