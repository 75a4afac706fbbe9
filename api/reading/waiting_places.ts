/** Places of callers that wait or follow events. */
import { Unavailable } from "../../shared/errors.ts";

/** Counts waiting callers up to a limit. A caller gets a place only while more places are free than it holds: one caller alone gets half of
 * them, two get a third each, and there is always room for another one.
 *
 * @example
 * ```ts
 * import { WaitingPlaces } from "./waiting_places.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const places = new WaitingPlaces(4);
 * for (let count = 0; count < 2; count++) places.take("key:a");
 * assertThrows(() => places.take("key:a"), Error, "already waits in 2 requests");
 * places.take("key:b");
 * ```
 */
export class WaitingPlaces {
  readonly #limit: number;
  readonly #byOwner = new Map<string, number>();
  #taken = 0;

  /** @param limit number of places */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a place until disposed.
   *
   * @param owner who waits. Default: someone without a share
   * @throws {Unavailable} when no place is left, or none for this owner */
  take(owner?: string): Disposable {
    const free = this.#limit - this.#taken;
    if (free <= 0) {
      throw new Unavailable(
        `Cannot wait because ${this.#limit} callers are already waiting: retry later, or raise CELERIAC_MAX_WAITING`,
      );
    }
    if (owner !== undefined) this.#takeOwn(owner, free);
    this.#taken++;
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        this.#taken--;
        if (owner !== undefined) this.#leave(owner);
      },
    };
  }

  #takeOwn(owner: string, free: number): void {
    const own = this.#byOwner.get(owner) ?? 0;
    if (own >= free) {
      throw new Unavailable(
        `Cannot wait because this caller already waits in ${own} requests, and ${free} places are left for other callers: retry later, or raise CELERIAC_MAX_WAITING`,
      );
    }
    this.#byOwner.set(owner, own + 1);
  }

  #leave(owner: string): void {
    const own = this.#byOwner.get(owner)! - 1;
    if (own === 0) this.#byOwner.delete(owner);
    else this.#byOwner.set(owner, own);
  }
}
