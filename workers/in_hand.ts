/** What the worker has in hand: deliveries that were understood and not answered yet. */
import type { Delivery } from "../shared/broker/broker.ts";
import type { TaskMessage } from "../shared/celery/message.ts";

/** A delivery in hand. */
export interface Held {
  readonly delivery: Delivery;
  /** Queue that it was consumed from. */
  readonly queue: string;
  readonly task: TaskMessage;
  /** When its handler was called, milliseconds since the epoch; `null` while it waits. */
  startedAt: number | null;
}

/** Deliveries in hand, in the order they came. */
export class InHand {
  readonly #held = new Map<Delivery, Held>();

  take(delivery: Delivery, queue: string, task: TaskMessage): void {
    this.#held.set(delivery, { delivery, queue, task, startedAt: null });
  }

  /** Its handler is about to be called. */
  started(delivery: Delivery): void {
    const held = this.#held.get(delivery);
    if (held) held.startedAt = Date.now();
  }

  /** It was acked or given back. */
  answered(delivery: Delivery): void {
    this.#held.delete(delivery);
  }

  [Symbol.iterator](): Iterator<Held> {
    return this.#held.values();
  }
}
