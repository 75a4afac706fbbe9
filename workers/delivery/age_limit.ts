/** Keeps deliveries from being unacknowledged too long.
 *
 * RabbitMQ takes a delivery back that is not acknowledged within the consumer timeout (30 minutes by default), while its task still runs.
 * So a message that waits too long for its start goes back through the outbox, and one whose task runs too long is leased.
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

/** Looks at the deliveries within the limit, so that it is met closely enough. */
const LOOKS = 4;
/** Milliseconds between two looks at most. */
const LOOK_MS = 1000;
/** Share of a consumer timeout that deliveries are left unacknowledged. */
const SHARE = 0.5;

/** What an age limit works with. */
export interface AgeLimitOptions {
  readonly inFlight: Iterable<InFlightDelivery>;
  readonly leases: Pick<MessageLeases, "take">;
  /** Seconds after which a delivery is parked or leased. */
  readonly seconds: number;
}

/** Looks at the messages in hand again and again. */
export class AgeLimit implements Service {
  readonly #options: AgeLimitOptions;
  /** What cannot be stored: nothing protects its task from running twice. */
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
    const everyMs = Math.min(LOOK_MS, this.#seconds * 1000 / LOOKS);
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  #look(): void {
    const limit = performance.now() - this.#seconds * 1000;
    for (const held of this.#options.inFlight) {
      const { delivery, startedAt } = held;
      this.#learn(delivery.fault);
      if (delivery.since > limit || delivery.leased) continue;
      // What waits elsewhere than in a line (for a server that is away, say) is leased at the next look.
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

  #learn(fault: unknown): void {
    if (fault === undefined) return;
    const seconds = (consumerTimeout(fault) ?? Infinity) * SHARE;
    if (seconds >= this.#seconds) return;
    logger.warn(
      "Deliveries are held {seconds} s instead of {before} s because of the broker's consumer timeout: set CELERIAC_LEASE_AFTER to less than half of it",
      { seconds, before: this.#seconds },
    );
    this.#seconds = seconds;
    this.#arm();
  }
}

const logger = getLogger(["celeriac", "worker"]);
