/** Batches the acks of one channel per turn of the event loop, in as few frames as possible.
 *
 * An ack with `multiple` set covers every unacked delivery up to its tag (AMQP 0-9-1, basic.ack). It is used for the consecutive tags
 * that start at the lowest unacked one; later tags are acked one by one. Each frame is a command in a quorum queue's log, so fewer
 * frames save more than bytes.
 * @module
 */

/** Batches acks.
 *
 * @example
 * ```ts
 * import { Acks } from "./acks.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const sent: [number, boolean][] = [];
 * const acks = new Acks((tag, multiple) => sent.push([tag, multiple]));
 * for (const tag of [1, 2, 3, 4, 5]) acks.delivered(tag);
 * for (const tag of [2, 1, 3, 5]) acks.ack(tag);
 * acks.flush();
 * assertEquals(sent, [[3, true], [5, false]]);
 * assertEquals(acks.unacked, 1);
 * ```
 */
export class Acks {
  readonly #send: (tag: number, multiple: boolean) => void;
  /** Holds unacked tags only: the prefetch bounds their number, while one slow delivery may span millions of others. */
  readonly #unacked = new Set<number>();
  /** Lowest tag that may be unacked. The broker numbers the deliveries of a channel from 1. */
  #lowest = 1;
  #latest = 0;
  #pending: number[] = [];

  constructor(send: (tag: number, multiple: boolean) => void) {
    this.#send = send;
  }

  /** Whether acks are pending until {@linkcode flush}. */
  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Number of deliveries that the broker counts as unacked. */
  get unacked(): number {
    return this.#unacked.size;
  }

  /** Records a delivery. Call it in the order of tags. */
  delivered(tag: number): void {
    this.#unacked.add(tag);
    this.#latest = tag;
  }

  ack(tag: number): void {
    this.#pending.push(tag);
  }

  /** Records that a delivery was nacked. */
  nacked(tag: number): void {
    this.#unacked.delete(tag);
  }

  /** Sends the pending acks. */
  flush(): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    for (const tag of pending) this.#unacked.delete(tag);
    // A counter instead of the set's first element: V8 scans all deleted entries to find that one.
    while (this.#lowest <= this.#latest && !this.#unacked.has(this.#lowest)) this.#lowest++;
    let run = 0;
    let last = 0;
    for (const tag of pending) {
      if (tag >= this.#lowest) continue;
      run++;
      if (tag > last) last = tag;
    }
    if (run > 0) this.#send(last, run > 1);
    for (const tag of pending) if (tag >= this.#lowest) this.#send(tag, false);
  }
}
