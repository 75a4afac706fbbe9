/** The deliveries that this worker has in flight: decoded, and not finished. */
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import type { HeldDelivery } from "./held_delivery.ts";

/** A delivery in flight. */
export interface InFlightDelivery {
  readonly delivery: HeldDelivery;
  /** Queue that it was consumed from. */
  readonly queue: string;
  readonly task: TaskMessage;
  /** Equal for two deliveries of one attempt. */
  readonly key: string;
  /** When its handler was called, milliseconds since the epoch; `null` before that. */
  startedAt: number | null;
}

/** Deliveries in flight, in order of arrival. */
export class InFlight {
  readonly #held = new Map<HeldDelivery, InFlightDelivery>();
  /** Deliveries that a redelivery may join, by {@linkcode keyOf}. */
  readonly #joinable = new Map<string, HeldDelivery>();

  /** Adds a delivery.
   *
   * @returns `false` if it joined an earlier delivery of the same message, which is still in flight: ignore the new one */
  take(delivery: HeldDelivery, queue: string, task: TaskMessage): boolean {
    const key = keyOf(task);
    const before = this.#joinable.get(key);
    if (before && !before.isAnswered) {
      before.join(delivery);
      return false;
    }
    this.#joinable.set(key, delivery);
    this.#held.set(delivery, { delivery, queue, task, key, startedAt: null });
    return true;
  }

  /** Stops redeliveries from joining, because its message is about to be sent again: later ones may be that copy. */
  leave(delivery: HeldDelivery): void {
    const held = this.#held.get(delivery);
    if (!held) return;
    const { key } = held;
    if (this.#joinable.get(key) === delivery) this.#joinable.delete(key);
  }

  /** Sets `startedAt`. Call it before the handler. */
  started(delivery: HeldDelivery): void {
    const held = this.#held.get(delivery);
    if (held) held.startedAt = Date.now();
  }

  /** Removes a finished delivery. */
  over(delivery: HeldDelivery): void {
    this.leave(delivery);
    this.#held.delete(delivery);
  }

  [Symbol.iterator](): Iterator<InFlightDelivery> {
    return this.#held.values();
  }
}

/** A replacement has the id of the task it replaces, but another key. Ids and names have no NUL. */
function keyOf({ id, task, retries, replacedTaskNesting }: TaskMessage): string {
  return `${id}\0${task}\0${retries}\0${replacedTaskNesting}`;
}
