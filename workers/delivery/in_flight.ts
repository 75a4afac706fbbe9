/** What the worker has in hand: messages that were understood and whose work has not ended. */
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import type { HeldDelivery } from "./held_delivery.ts";

/** A message in hand. */
export interface InFlightDelivery {
  readonly delivery: HeldDelivery;
  /** Queue that it was consumed from. */
  readonly queue: string;
  readonly task: TaskMessage;
  /** When its handler was called, milliseconds since the epoch; `null` while it waits. */
  startedAt: number | null;
}

/** Messages in hand, in the order they came. */
export class InFlight {
  readonly #held = new Map<HeldDelivery, InFlightDelivery>();
  /** By {@linkcode keyOf}: those that a redelivery may join. */
  readonly #joinable = new Map<string, HeldDelivery>();

  /** Takes a delivery in.
   *
   * @returns `false` when it joined another of the same message, whose work goes on: nothing is to be done with this one */
  take(delivery: HeldDelivery, queue: string, task: TaskMessage): boolean {
    const key = keyOf(task);
    const before = this.#joinable.get(key);
    if (before && !before.isAnswered) {
      before.join(delivery);
      return false;
    }
    this.#joinable.set(key, delivery);
    this.#held.set(delivery, { delivery, queue, task, startedAt: null });
    return true;
  }

  /** Its message is about to be sent again: what comes from now on may be that copy, which must not be answered with this one. */
  leave(delivery: HeldDelivery): void {
    const held = this.#held.get(delivery);
    if (!held) return;
    const key = keyOf(held.task);
    if (this.#joinable.get(key) === delivery) this.#joinable.delete(key);
  }

  /** Its handler is about to be called. */
  started(delivery: HeldDelivery): void {
    const held = this.#held.get(delivery);
    if (held) held.startedAt = Date.now();
  }

  /** Its work has ended. */
  over(delivery: HeldDelivery): void {
    this.leave(delivery);
    this.#held.delete(delivery);
  }

  [Symbol.iterator](): Iterator<InFlightDelivery> {
    return this.#held.values();
  }
}

/** Alike in two deliveries of one attempt. A task that replaces another has its id, and is another. */
function keyOf({ id, task, retries, replacedTaskNesting }: TaskMessage): string {
  return JSON.stringify([id, task, retries, replacedTaskNesting]);
}
