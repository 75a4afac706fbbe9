/** Acks of one channel, gathered for a turn of the event loop and sent in as few frames as will do.
 *
 * An ack with `multiple` set covers every unanswered delivery up to its tag (AMQP 0-9-1, basic.ack). It is used for the run of tags
 * from the lowest unanswered one on; what is answered out of order is acked one by one. For a quorum queue each frame is a command
 * to its log, so fewer frames are worth more than the bytes.
 * @module
 */

/** Gathers acks.
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
 * assertEquals(acks.unanswered, 1);
 * ```
 */
export class Acks {
  readonly #send: (tag: number, multiple: boolean) => void;
  /** Only what has no answer is remembered: the prefetch bounds that, while one slow delivery may outlive millions of others. */
  readonly #unanswered = new Set<number>();
  /** All tags below have their answer; the broker counts each channel's deliveries from 1. */
  #lowest = 1;
  #latest = 0;
  #gathered: number[] = [];

  constructor(send: (tag: number, multiple: boolean) => void) {
    this.#send = send;
  }

  /** Whether acks wait for {@linkcode flush}. */
  get waiting(): boolean {
    return this.#gathered.length > 0;
  }

  /** Deliveries that the broker has no answer to. */
  get unanswered(): number {
    return this.#unanswered.size;
  }

  /** Notes a delivery; they come in the order of their tags. */
  delivered(tag: number): void {
    this.#unanswered.add(tag);
    this.#latest = tag;
  }

  ack(tag: number): void {
    this.#gathered.push(tag);
  }

  /** Notes that a delivery was answered in another way, before this call. */
  answered(tag: number): void {
    this.#unanswered.delete(tag);
  }

  /** Sends what was gathered. */
  flush(): void {
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    for (const tag of gathered) this.#unanswered.delete(tag);
    // A count, and not the set's first element: to find that, V8 goes over all that was deleted before it.
    while (this.#lowest <= this.#latest && !this.#unanswered.has(this.#lowest)) this.#lowest++;
    let run = 0;
    let last = 0;
    for (const tag of gathered) {
      if (tag >= this.#lowest) continue;
      run++;
      if (tag > last) last = tag;
    }
    if (run > 0) this.#send(last, run > 1);
    for (const tag of gathered) if (tag >= this.#lowest) this.#send(tag, false);
  }
}
