/** The deliveries that this worker has in flight: decoded, and not finished. */
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import type { HeldDelivery } from "./held_delivery.ts";

/** A delivery in flight. */
export interface InFlightDelivery {
  readonly delivery: HeldDelivery;
  /** Queue that it was consumed from. */
  readonly queue: string;
  readonly task: TaskMessage;
  /** Equal for two deliveries of one attempt, if their tasks have one name. */
  readonly key: string;
  /** When its handler was called, milliseconds since the epoch; `null` before that. */
  startedAt: number | null;
}

/** Deliveries in flight, in order of arrival. */
export class InFlight {
  readonly #held = new Map<HeldDelivery, InFlightDelivery>();
  /** Deliveries that a redelivery may join, by their key. */
  readonly #joinable = new Map<string, InFlightDelivery>();

  /** Adds a delivery.
   *
   * @returns `false` if it joined an earlier delivery of the same message, which is still in flight: ignore the new one */
  take(delivery: HeldDelivery, queue: string, task: TaskMessage): boolean {
    const key = keyOf(task);
    const before = this.#joinable.get(key);
    if (before && before.task.task === task.task && !before.delivery.isAnswered) {
      before.delivery.join(delivery);
      return false;
    }
    const held = { delivery, queue, task, key, startedAt: null };
    this.#joinable.set(key, held);
    this.#held.set(delivery, held);
    return true;
  }

  /** Stops redeliveries from joining, because its message is about to be sent again: later ones may be that copy. */
  leave(delivery: HeldDelivery): void {
    const held = this.#held.get(delivery);
    if (!held) return;
    if (this.#joinable.get(held.key) === held) this.#joinable.delete(held.key);
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

/** A replacement has the id of the task it replaces, but another key. Ids have no NUL. */
function keyOf({ id, retries, replacedTaskNesting }: TaskMessage): string {
  if (retries === 0 && replacedTaskNesting === 0) return id; // as a key, a new string takes three times as long
  return `${id}\0${retries}\0${replacedTaskNesting}`;
}
