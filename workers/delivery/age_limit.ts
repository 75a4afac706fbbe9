/** Limits how long deliveries stay unacknowledged.
 *
 * RabbitMQ requeues a delivery that is not acknowledged within the consumer timeout (30 minutes by default), even while its task runs.
 * Before that, a message that still waits for its start is requeued through the outbox, and the message of a running task is leased.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { consumerTimeout } from "../../shared/broker/amqp/reason.ts";
import { DatabaseUnavailable } from "../../shared/errors.ts";
import type { Service } from "../../shared/runtime/service.ts";
import type { HeldDelivery } from "./held_delivery.ts";
import type { InFlightDelivery } from "./in_flight.ts";
import { requeuedMessage } from "./requeued_message.ts";
import type { MessageLeases } from "./message_leases.ts";

/** Checks of a delivery within the limit. */
const CHECKS = 4;
/** Longest time between two checks, milliseconds. */
const CHECK_MS = 1000;
/** Share of the consumer timeout for which deliveries may stay unacknowledged. */
const SHARE = 0.5;

/** Options of an {@linkcode AgeLimit}. */
export interface AgeLimitOptions {
  readonly inFlight: Iterable<InFlightDelivery>;
  readonly leases: Pick<MessageLeases, "take">;
  /** Seconds after which a delivery is parked or leased. */
  readonly seconds: number;
}

/** Checks the age of the deliveries in flight at intervals. */
export class AgeLimit implements Service {
  readonly #options: AgeLimitOptions;
  /** Deliveries whose lease the database refused: their tasks may run twice. */
  readonly #unstorable = new WeakSet<HeldDelivery>();
  #seconds: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: AgeLimitOptions) {
    this.#options = options;
    this.#seconds = options.seconds;
  }

  /** Seconds after which a delivery is parked or leased: at most half of the broker's consumer timeout, once that is known. */
  get seconds(): number {
    return this.#seconds;
  }

  start(): Promise<void> {
    this.#arm();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #arm(): void {
    clearInterval(this.#timer);
    const everyMs = Math.min(CHECK_MS, this.#seconds * 1000 / CHECKS);
    this.#timer = setInterval(() => this.#check(), everyMs);
  }

  #check(): void {
    const limit = performance.now() - this.#seconds * 1000;
    for (const held of this.#options.inFlight) {
      const { delivery, startedAt } = held;
      this.#readTimeout(delivery.fault);
      if (delivery.since > limit || delivery.leased) continue;
      // A delivery that does not wait in a queue (but for an unavailable server, for example) is leased at the next check.
      if (startedAt === null && !delivery.waitExpired) delivery.expireWait();
      else if (delivery.open) this.#lease(held);
    }
  }

  async #lease({ delivery, queue, task }: InFlightDelivery): Promise<void> {
    if (this.#unstorable.has(delivery)) return;
    try {
      const { id: taskId, retries, eta } = task;
      await delivery.lease(() => {
        const message = requeuedMessage(delivery, queue, {
          now: new Date(),
          retries,
          eta,
          redelivered: true,
        });
        return this.#options.leases.take({ taskId, retries, message });
      });
    } catch (error) {
      if (error instanceof DatabaseUnavailable) return; // stopped
      this.#unstorable.add(delivery);
      logger.warn("Task {id} may run twice if it exceeds the broker's consumer timeout: {error}", {
        id: task.id,
        error,
      });
    }
  }

  /** Reduces the limit if the broker reported a shorter consumer timeout. */
  #readTimeout(fault: unknown): void {
    if (fault === undefined) return;
    const seconds = (consumerTimeout(fault) ?? Infinity) * SHARE;
    if (seconds >= this.#seconds) return;
    logger.warn(
      "Deliveries stay unacknowledged for at most {seconds} s instead of {before} s because of the broker's consumer timeout: set CELERIAC_LEASE_AFTER to less than half of it",
      { seconds, before: this.#seconds },
    );
    this.#seconds = seconds;
    this.#arm();
  }
}

const logger = getLogger(["celeriac", "worker"]);
