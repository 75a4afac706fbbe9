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
 * for (const tag of [2, 1, 3, 5]) acks.ack(tag);
 * acks.flush();
 * assertEquals(sent, [[3, true], [5, false]]);
 * ```
 */
export class Acks {
  readonly #send: (tag: number, multiple: boolean) => void;
  /** Lowest tag that has no answer yet; the broker counts each channel's deliveries from 1. */
  #lowest = 1;
  /** Tags from there on that were answered. */
  readonly #answered = new Set<number>();
  #gathered: number[] = [];

  constructor(send: (tag: number, multiple: boolean) => void) {
    this.#send = send;
  }

  /** Whether acks wait for {@linkcode flush}. */
  get waiting(): boolean {
    return this.#gathered.length > 0;
  }

  ack(tag: number): void {
    this.#gathered.push(tag);
  }

  /** Notes that a delivery was answered in another way, before this call. */
  answered(tag: number): void {
    this.#answered.add(tag);
  }

  /** Sends what was gathered. */
  flush(): void {
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    for (const tag of gathered) this.#answered.add(tag);
    const from = this.#lowest;
    while (this.#answered.delete(this.#lowest)) this.#lowest++;
    const run = gathered.filter((tag) => tag >= from && tag < this.#lowest);
    if (run.length > 0) this.#send(Math.max(...run), run.length > 1);
    for (const tag of gathered) if (tag >= this.#lowest) this.#send(tag, false);
  }
}
