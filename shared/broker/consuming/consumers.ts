/** One consumer per queue, which can be replaced while it runs. */
import { BrokerUnavailable } from "../../errors.ts";
import { unlessAborted } from "../../runtime/waits.ts";
import type { Consumer } from "./consumer.ts";

/** Number of consecutive consumers without a delivery after which a queue counts as stalled. */
const EMPTY_RENEWALS_MAX = 2;

/** Maximum number of consumers of a queue, retiring ones included, at which a consumer is still renewed. Each keeps a channel open
 * until its slowest delivery is acked. */
const RENEWABLE_MAX = 4;

/** Creates a consumer of a queue without starting it.
 *
 * @param emptyRenewals for {@linkcode ConsumerOptions.emptyRenewals} */
export type MakeConsumer = (queue: string, emptyRenewals: number) => Consumer;

/** Which consumers to replace. */
export interface Replacement {
  /** Called before the replacement, unless all consuming has ended. */
  before(): void;
  outdated(consumer: Consumer): boolean;
}

/** The consumers of a process, one per queue. */
export class Consumers {
  readonly #make: MakeConsumer;
  /** By queue name. */
  readonly #consumers = new Map<string, Consumer>();
  /** Queues without a consumer because they are paused, or could not be consumed again after that. */
  readonly #suspended = new Set<string>();
  /** Paused queues, consumed before or not. */
  #paused: ReadonlySet<string> = new Set();
  /** Cancelled consumers that still have unacked deliveries. */
  readonly #retiring = new Set<Consumer>();
  #changing: Promise<void> = Promise.resolve();
  #cancelled = false;

  constructor(queues: readonly string[], make: MakeConsumer) {
    this.#make = make;
    for (const queue of queues) this.#consumers.set(queue, make(queue, 0));
  }

  /** Consumed queues, including those whose consumer is not active and those that are paused. */
  get queues(): string[] {
    return [...this.#consumers.keys(), ...this.#suspended];
  }

  /** Queues that are not consumed because they are paused. */
  get suspended(): string[] {
    return [...this.#suspended].filter((queue) => this.#paused.has(queue));
  }

  /** Queues without an active consumer, without paused ones. */
  get silent(): string[] {
    const inactive = [...this.#consumers.values()].filter((consumer) => !consumer.active);
    const resuming = [...this.#suspended].filter((queue) => !this.#paused.has(queue));
    return [...inactive.map(({ queue }) => queue), ...resuming];
  }

  /** Queues with ready messages from which two consecutive accepted consumers received nothing. */
  get stalled(): string[] {
    return [...this.#consumers.values()].filter(({ emptyRenewals }) =>
      emptyRenewals >= EMPTY_RENEWALS_MAX
    )
      .map(({ queue }) => queue);
  }

  /** Sum of the consumers' prefetch, without retiring consumers. */
  get prefetch(): number {
    return this.#consumers.values().reduce((sum, { prefetch }) => sum + prefetch, 0);
  }

  /** Whether the predicate holds for a consumer. */
  some(holds: (consumer: Consumer) => boolean): boolean {
    return this.#consumers.values().some(holds);
  }

  /** Number of unacked deliveries. */
  get unacked(): number {
    return unacked(this.#all);
  }

  /** Resolves when every queue is consumed; waits while the broker is unavailable. */
  async start(): Promise<void> {
    await Promise.all(this.#all.map((consumer) => consumer.start()));
  }

  /** Starts consuming a queue; resolves when the broker has accepted the consumer, or at once if the queue is paused.
   *
   * @throws {BrokerUnavailable} after {@linkcode Consumers.cancel}
   * @throws the signal's reason; the queue is then not consumed */
  add(queue: string, { signal }: { signal: AbortSignal }): Promise<void> {
    return this.#change(async () => {
      if (this.#consumers.has(queue) || this.#suspended.has(queue)) return;
      if (this.#paused.has(queue)) {
        this.#suspended.add(queue);
        return;
      }
      const consumer = this.#make(queue, 0);
      this.#consumers.set(queue, consumer);
      try {
        await unlessAborted(consumer.start(), signal);
      } catch (error) {
        this.#retire(consumer);
        throw error;
      }
    });
  }

  /** Stops fetching from a queue; deliveries in flight are finished.
   *
   * @throws {BrokerUnavailable} after {@linkcode Consumers.cancel} */
  remove(queue: string): Promise<void> {
    return this.#change(async () => {
      this.#suspended.delete(queue);
      const consumer = this.#consumers.get(queue);
      if (consumer) await this.#retire(consumer);
    });
  }

  /** Stops fetching from the paused queues, and consumes those again that are no longer paused. Deliveries in flight stay. May be called
   * before the start, and again with the same queues.
   *
   * Does not wait for the broker to accept consumers; until then their queues are silent.
   *
   * @param paused names of all paused queues
   * @throws {BrokerUnavailable} after {@linkcode Consumers.cancel} */
  suspend(paused: ReadonlySet<string>): Promise<void> {
    return this.#change(async () => {
      this.#paused = paused;
      const pausing = [...this.#consumers.values()].filter(({ queue }) => paused.has(queue));
      for (const { queue } of pausing) this.#suspended.add(queue);
      for (const queue of this.#suspended) if (!paused.has(queue)) this.#unsuspend(queue);
      await Promise.all(pausing.map((consumer) => this.#retire(consumer)));
    });
  }

  /** Replaces each consumer that has capacity and has received nothing for `quietMs`, unless too many retiring consumers of its queue
   * still have unacked deliveries.
   *
   * A broker may count messages as delivered that never arrive. If a quorum queue with unacked deliveries is deleted and recreated at
   * once, RabbitMQ 3.10 moves the consumer to the new queue and drops its first messages. Closing the old channel requeues them.
   *
   * Does nothing after {@linkcode Consumers.cancel}. If the signal aborts first, the consumers stay. */
  renew(quietMs: number, { signal }: { signal: AbortSignal }): Promise<void> {
    if (this.#cancelled) return Promise.resolve();
    return this.#change(async () => {
      const quiet = [...this.#consumers.values()]
        .filter((one) => one.quietMs >= quietMs && this.#hasCapacity(one));
      await Promise.all(quiet.map(async (consumer) => {
        // If the count fails, the channel is closing, and it reports why.
        const emptyRenewals = await unlessAborted(consumer.nextEmptyRenewals(), signal).catch(() =>
          0
        );
        await this.#replace(consumer, { signal, emptyRenewals });
      }));
    });
  }

  /** Replaces outdated consumers.
   *
   * @throws {BrokerUnavailable} after {@linkcode Consumers.cancel} */
  replace({ before, outdated }: Replacement): Promise<void> {
    return this.#change(async () => {
      before();
      const all = [...this.#consumers.values()].filter(outdated);
      await Promise.all(all.map((consumer) => this.#replace(consumer)));
    });
  }

  /** Stops fetching permanently; unacked deliveries can still be acked. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    await Promise.all(this.#all.map((consumer) => consumer.cancel()));
  }

  /** Resolves when no delivery is unacked. */
  async idle(): Promise<void> {
    await Promise.all(this.#all.map((consumer) => consumer.idle()));
  }

  /** Closes the channels: the broker requeues unacked deliveries. */
  async stop(): Promise<void> {
    await Promise.all(this.#all.map((consumer) => consumer.stop()));
  }

  get #all(): Consumer[] {
    return [...this.#consumers.values(), ...this.#retiring];
  }

  /** Whether the unacked deliveries of all consumers of the queue are below the prefetch. Those of retiring consumers count, too;
   * otherwise each renewal would fetch another whole prefetch. */
  #hasCapacity({ queue, prefetch }: Consumer): boolean {
    const consumers = this.#all.filter((one) => one.queue === queue);
    return consumers.length <= RENEWABLE_MAX && unacked(consumers) < prefetch;
  }

  async #replace(
    consumer: Consumer,
    { signal, emptyRenewals = 0 }: { signal?: AbortSignal; emptyRenewals?: number } = {},
  ): Promise<void> {
    const next = this.#make(consumer.queue, emptyRenewals);
    this.#retiring.add(next); // so that stop() includes it
    const started = next.start();
    try {
      await (signal ? unlessAborted(started, signal) : started);
    } catch {
      await this.#retire(next); // the broker is unavailable: the current consumer recovers by itself
      return;
    }
    this.#retiring.delete(next);
    this.#consumers.set(next.queue, next);
    await this.#retire(consumer);
  }

  #unsuspend(queue: string): void {
    const consumer = this.#make(queue, 0);
    this.#suspended.delete(queue);
    this.#consumers.set(queue, consumer);
    consumer.start().catch(() => {
      // The next call tries again.
      if (this.#cancelled || this.#consumers.get(queue) !== consumer) return;
      this.#consumers.delete(queue);
      this.#suspended.add(queue);
    });
  }

  async #retire(consumer: Consumer): Promise<void> {
    if (this.#consumers.get(consumer.queue) === consumer) this.#consumers.delete(consumer.queue);
    this.#retiring.add(consumer);
    await consumer.cancel();
    consumer.idle().then(() => consumer.stop()).finally(() => this.#retiring.delete(consumer));
  }

  /** One change at a time. */
  #change(act: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(() => {
      if (!this.#cancelled) return act();
      throw new BrokerUnavailable("Cannot change the consumed queues because consuming has ended");
    });
    this.#changing = changed.catch(() => {});
    return changed;
  }
}

function unacked(consumers: readonly Consumer[]): number {
  return consumers.reduce((sum, consumer) => sum + consumer.unacked, 0);
}
