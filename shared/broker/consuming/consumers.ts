/** Consumers of queues, of which another can take the place of each. */
import { BrokerUnavailable } from "../../errors.ts";
import { unlessAborted } from "../../runtime/waits.ts";
import type { Consumer } from "./consumer.ts";

/** Consumers that bring nothing, one after the other, before their queue counts as stalled. */
const EMPTY_RENEWALS_MAX = 2;

/** Consumers of a queue, retiring ones included, with which one of them is still renewed: each keeps a channel open as long as its
 * slowest delivery is in hand. */
const RENEWABLE_MAX = 4;

/** Makes a consumer of a queue, not started yet.
 *
 * @param emptyRenewals as {@linkcode Consumer.emptyRenewals} of the one before */
export type MakeConsumer = (queue: string, emptyRenewals: number) => Consumer;

/** Which consumers others shall take the place of. */
export interface Replacement {
  /** What is done before, unless all consuming ends. */
  before(): void;
  outdated(consumer: Consumer): boolean;
}

/** One consumer a queue. */
export class Consumers {
  readonly #make: MakeConsumer;
  /** By queue. */
  readonly #consumers = new Map<string, Consumer>();
  /** They fetch no more, and still have deliveries in hand. */
  readonly #retiring = new Set<Consumer>();
  #changing: Promise<void> = Promise.resolve();
  #cancelled = false;

  constructor(queues: readonly string[], make: MakeConsumer) {
    this.#make = make;
    for (const queue of queues) this.#consumers.set(queue, make(queue, 0));
  }

  /** Queues that are consumed, or would be if the broker let it. */
  get queues(): string[] {
    return [...this.#consumers.keys()];
  }

  /** Queues that are not being consumed now. */
  get silent(): string[] {
    return [...this.#consumers.values()].filter((consumer) => !consumer.active)
      .map(({ queue }) => queue);
  }

  /** Queues in which messages wait, of which two consumers that the broker has accepted brought none, one after the other. */
  get stalled(): string[] {
    return [...this.#consumers.values()].filter(({ emptyRenewals }) =>
      emptyRenewals >= EMPTY_RENEWALS_MAX
    )
      .map(({ queue }) => queue);
  }

  /** Deliveries that may be in hand at once, those of retiring consumers not counted. */
  get prefetch(): number {
    return this.#consumers.values().reduce((sum, { prefetch }) => sum + prefetch, 0);
  }

  /** Whether this holds for one of the consumers. */
  some(holds: (consumer: Consumer) => boolean): boolean {
    return this.#consumers.values().some(holds);
  }

  /** Deliveries not answered yet. */
  get unacked(): number {
    return unacked(this.#all);
  }

  /** Resolves when every queue is consumed: waits for a broker that is away. */
  async start(): Promise<void> {
    await Promise.all(this.#all.map((consumer) => consumer.start()));
  }

  /** Begins to consume a queue; resolves when the broker has accepted.
   *
   * @throws {BrokerUnavailable} when all consuming ends
   * @throws the signal's reason; then it is not consumed */
  add(queue: string, { signal }: { signal: AbortSignal }): Promise<void> {
    return this.#change(async () => {
      if (this.#consumers.has(queue)) return;
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

  /** Stops fetching from a queue; what is in hand is finished.
   *
   * @throws {BrokerUnavailable} when all consuming ends */
  remove(queue: string): Promise<void> {
    return this.#change(async () => {
      const consumer = this.#consumers.get(queue);
      if (consumer) await this.#retire(consumer);
    });
  }

  /** Puts another consumer in the place of each that could take more and has heard nothing for so long. Not while too many before it
   * still have deliveries in hand.
   *
   * A broker may count messages as handed over that never arrive, and tell nobody: where a quorum queue is deleted with deliveries in
   * hand and made again at once, RabbitMQ 3.10 carries the consumer over to the new queue and drops the first of its messages on the
   * way. The end of the old channel gives them back.
   *
   * Does nothing when all consuming ends; where the signal comes first the consumers stay as they are. */
  renew(quietMs: number, { signal }: { signal: AbortSignal }): Promise<void> {
    if (this.#cancelled) return Promise.resolve();
    return this.#change(async () => {
      const quiet = [...this.#consumers.values()]
        .filter((one) => one.quietMs >= quietMs && this.#couldTakeMore(one));
      await Promise.all(quiet.map(async (consumer) => {
        // Where it cannot be counted just now, the broker is about to say why.
        const emptyRenewals = await unlessAborted(consumer.emptyRenewalsNow(), signal).catch(() =>
          0
        );
        await this.#replace(consumer, { signal, emptyRenewals });
      }));
    });
  }

  /** Puts others in the place of those that are outdated.
   *
   * @throws {BrokerUnavailable} when all consuming ends */
  replace({ before, outdated }: Replacement): Promise<void> {
    return this.#change(async () => {
      before();
      const all = [...this.#consumers.values()].filter(outdated);
      await Promise.all(all.map((consumer) => this.#replace(consumer)));
    });
  }

  /** Stops fetching, for good; what is in hand can still be answered. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    await Promise.all(this.#all.map((consumer) => consumer.cancel()));
  }

  /** Resolves when nothing is in hand. */
  async idle(): Promise<void> {
    await Promise.all(this.#all.map((consumer) => consumer.idle()));
  }

  /** Closes the channels: the broker takes back what is in hand. */
  async stop(): Promise<void> {
    await Promise.all(this.#all.map((consumer) => consumer.stop()));
  }

  get #all(): Consumer[] {
    return [...this.#consumers.values(), ...this.#retiring];
  }

  /** Whether the queue could be given more if one consumer held all of its deliveries: what those before it still hold counts, too, or
   * each renewal would fetch a whole prefetch beside it. */
  #couldTakeMore({ queue, prefetch }: Consumer): boolean {
    const held = this.#all.filter((one) => one.queue === queue);
    return held.length <= RENEWABLE_MAX && unacked(held) < prefetch;
  }

  async #replace(
    consumer: Consumer,
    { signal, emptyRenewals = 0 }: { signal?: AbortSignal; emptyRenewals?: number } = {},
  ): Promise<void> {
    const next = this.#make(consumer.queue, emptyRenewals);
    this.#retiring.add(next); // so that an end meanwhile reaches it
    const started = next.start();
    try {
      await (signal ? unlessAborted(started, signal) : started);
    } catch {
      await this.#retire(next); // the broker is away: what there is comes back by itself
      return;
    }
    this.#retiring.delete(next);
    this.#consumers.set(next.queue, next);
    await this.#retire(consumer);
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
      throw new BrokerUnavailable("Cannot change what is consumed because all consuming ends");
    });
    this.#changing = changed.catch(() => {});
    return changed;
  }
}

function unacked(consumers: readonly Consumer[]): number {
  return consumers.reduce((sum, consumer) => sum + consumer.unacked, 0);
}
