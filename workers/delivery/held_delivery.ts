/** All deliveries of one message in this worker, as one. A redelivery joins the first delivery, and a lease can replace them. */
import type { Delivery } from "../../shared/broker/broker.ts";
import type { Message } from "../../shared/broker/message.ts";
import { REDELIVERED } from "../../shared/celery/headers.ts";
import type { MessageLease } from "./message_leases.ts";

/** A delivery of the broker. `answered` is called once it needs no acknowledgement any more. */
interface Part {
  readonly delivery: Delivery;
  readonly answered: () => void;
}

/** One message in this worker. It can be acknowledged while one of its deliveries is open or its lease is held. */
export class HeldDelivery implements Delivery {
  readonly message: Message;
  readonly redelivered: boolean;
  /** When the first delivery arrived, milliseconds of `performance.now()`. */
  readonly since: number = performance.now();
  /** Aborts when the channel of the first delivery closes. All deliveries of a channel share this signal. */
  readonly channel: AbortSignal;
  /** Resolves when the first delivery needs no acknowledgement any more: it was acknowledged or given back, or its work has ended. */
  readonly answered: Promise<void>;
  /** Nearly always one. */
  #parts: Part[];
  /** Called when the message has waited too long for its start; set by the place where it waits. */
  onWaitExpired: (() => void) | undefined;
  #waitExpired = false;
  #gone: AbortController | undefined;
  #lease: MessageLease | undefined;
  #leasing = false;
  #isAnswered = false;
  #fault: unknown;

  constructor(delivery: Delivery) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.answered = promise;
    this.message = delivery.message;
    this.channel = delivery.gone;
    this.redelivered = delivery.redelivered || delivery.message.headers[REDELIVERED] !== undefined;
    this.#parts = [{ delivery, answered: resolve }];
  }

  get open(): boolean {
    return this.#lease !== undefined || this.#parts.some(({ delivery }) => delivery.open);
  }

  /** Aborts when the message can no longer be acknowledged. Stays aborted if a redelivery joins later. */
  get gone(): AbortSignal {
    if (!this.#gone) {
      this.#gone = new AbortController();
      for (const part of this.#parts) this.#watch(part);
      this.#checkGone();
    }
    return this.#gone.signal;
  }

  /** Whether a lease has replaced the deliveries. */
  get leased(): boolean {
    return this.#lease !== undefined;
  }

  /** Whether it was acknowledged or given back. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Whether the message has waited too long for its start. */
  get waitExpired(): boolean {
    return this.#waitExpired;
  }

  /** Why the last closed channel was closed, if the broker gave a reason. */
  get fault(): unknown {
    for (const { delivery } of this.#parts) if (!delivery.open) return delivery.gone.reason;
    return this.#fault;
  }

  ack(): void {
    this.#answer((delivery) => delivery.ack(), (lease) => lease.end());
  }

  nack({ requeue }: { requeue: boolean }): void {
    this.#answer(
      (delivery) => delivery.nack({ requeue }),
      (lease) => requeue ? lease.giveBack() : lease.end(),
    );
  }

  /** Ends the wait for its start. */
  expireWait(): void {
    this.#waitExpired = true;
    this.onWaitExpired?.();
  }

  /** Adds another delivery of the same message: both are acknowledged together. */
  join(other: HeldDelivery): void {
    this.#fault = this.fault;
    for (const part of [...this.#parts]) if (!part.delivery.open) this.#drop(part);
    for (const part of other.#parts) {
      this.#parts.push(part);
      if (this.#gone) this.#watch(part);
    }
    other.#parts = [];
    if (this.#lease) this.#confirm(this.#lease);
  }

  /** Replaces the deliveries by a lease, and acknowledges them.
   *
   * @param take puts the message into the outbox
   * @throws the errors of `take`; then nothing has changed */
  async lease(take: () => Promise<MessageLease>): Promise<void> {
    if (this.#lease || this.#leasing || this.#isAnswered) return;
    this.#leasing = true;
    try {
      const lease = await take();
      // It was given back in the meantime: the broker has the message.
      if (this.#isAnswered) return lease.end();
      lease.onLost = () => {
        this.#lease = undefined;
        this.#checkGone();
      };
      this.#lease = lease;
      this.#acknowledge();
    } finally {
      this.#leasing = false;
    }
  }

  /** Ends its work, whether it was acknowledged or not. */
  over(): void {
    this.#isAnswered = true;
    this.#lease?.giveBack();
    this.#lease = undefined;
    for (const { delivery, answered } of this.#parts) {
      if (this.#gone) delivery.gone.removeEventListener("abort", this.#checkGone);
      answered();
    }
    this.#parts = [];
  }

  #answer(deliver: (delivery: Delivery) => void, end: (lease: MessageLease) => void): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    for (const { delivery, answered } of this.#parts) {
      deliver(delivery);
      answered();
    }
    if (this.#lease) end(this.#lease);
    this.#lease = undefined;
  }

  /** Acknowledges a redelivery only if the lease is still held. If the lease was lost, the redelivery may be the copy that a relay published,
   * and thus the only one. */
  async #confirm(lease: MessageLease): Promise<void> {
    const isHeld = await lease.confirm().catch(() => false);
    if (isHeld && this.#lease === lease) this.#acknowledge();
  }

  #acknowledge(): void {
    for (const part of [...this.#parts]) {
      part.delivery.ack();
      this.#drop(part);
    }
  }

  #drop(part: Part): void {
    this.#parts = this.#parts.filter((one) => one !== part);
    part.delivery.gone.removeEventListener("abort", this.#checkGone);
    part.answered();
  }

  #watch({ delivery }: Part): void {
    delivery.gone.addEventListener("abort", this.#checkGone);
  }

  readonly #checkGone = (): void => {
    if (!this.#isAnswered && !this.open) this.#gone?.abort();
  };
}
