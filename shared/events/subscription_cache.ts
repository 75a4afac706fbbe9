/** The subscriptions, read from the database at most once a second. */
import type { CloudEvent } from "./cloud_event.ts";
import { selects } from "./selection.ts";
import type { StoredSubscription, SubscriptionStore } from "./subscription_store.ts";

/** Options of {@linkcode SubscriptionCache}. */
export interface SubscriptionCacheOptions {
  readonly store: Pick<SubscriptionStore, "all">;
  /** Milliseconds after which the subscriptions are read again. Default 1,000. */
  readonly maxAgeMs?: number;
}

/** Subscriptions at one moment. */
export interface Subscriptions {
  /** Differs after each change of a subscription; `EventStore.lock` returns the present one. */
  readonly revision: string;
  /** The subscriptions that select an event and are not paused. */
  of(event: CloudEvent): StoredSubscription[];
}

/** Finds the subscriptions of an event. A change takes effect within a second. */
export class SubscriptionCache {
  readonly #options: Required<SubscriptionCacheOptions>;
  #reading: Promise<Subscriptions> | undefined;
  #readAt = -Infinity;

  constructor({ store, maxAgeMs = 1000 }: SubscriptionCacheOptions) {
    this.#options = { store, maxAgeMs };
  }

  /** The subscriptions that select an event and are not paused.
   *
   * @throws {DatabaseUnavailable} */
  async of(event: CloudEvent): Promise<StoredSubscription[]> {
    return (await this.current()).of(event);
  }

  /** The subscriptions of the last second.
   *
   * @throws {DatabaseUnavailable} */
  current(): Promise<Subscriptions> {
    const { store, maxAgeMs } = this.#options;
    if (this.#reading && performance.now() - this.#readAt < maxAgeMs) return this.#reading;
    this.#readAt = performance.now();
    const reading = store.all().then(subscriptions);
    this.#reading = reading;
    // A failed read is not kept.
    reading.catch(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    return reading;
  }

  /** The next caller reads the subscriptions again. */
  forget(): void {
    this.#reading = undefined;
  }
}

function subscriptions(all: readonly StoredSubscription[]): Subscriptions {
  return {
    revision: all.map(({ name, revision }) => `${name} ${revision}`).join(","),
    of: (event) => all.filter((one) => one.pausedAt === null && selects(one, event)),
  };
}
