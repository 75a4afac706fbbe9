/** The subscriptions, read from the database at most once a second. */
import type { CloudEvent } from "./cloud_event.ts";
import type { Headers } from "../broker/message.ts";
import { attributeHeaders } from "./amqp.ts";
import { hasCondition, selectsHeaders, selectsType } from "./selection.ts";
import type { StoredSubscription, SubscriptionStore } from "./subscription_store.ts";

/** Options of {@linkcode SubscriptionCache}. */
export interface SubscriptionCacheOptions {
  readonly store: Pick<SubscriptionStore, "all">;
  /** Milliseconds after which the subscriptions are read again. Default 1,000. */
  readonly maxAgeMs?: number;
}

/** Types of events whose subscriptions are remembered. Types come from outside. */
const TYPES_MAX = 1000;

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
    const reading = store.all().then(subscriptionsOf);
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

/** Finds the subscriptions of events among these. */
export function subscriptionsOf(all: readonly StoredSubscription[]): Subscriptions {
  const active = all.filter(({ pausedAt }) => pausedAt === null);
  const byType = new Map<string, StoredSubscription[]>();
  const ofType = (type: string) => {
    const known = byType.get(type);
    if (known) return known;
    const found = active.filter((one) => selectsType(one, type));
    if (byType.size >= TYPES_MAX) byType.clear();
    byType.set(type, found);
    return found;
  };
  return {
    revision: all.map(({ name, revision }) => `${name} ${revision}`).join(","),
    of: (event) => {
      let headers: Headers | undefined;
      return ofType(event.type).filter((one) =>
        !hasCondition(one) || selectsHeaders(one, headers ??= attributeHeaders(event))
      );
    },
  };
}
