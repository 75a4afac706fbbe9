/** Writes the subscriptions of an app's contracts module into the database, where the dispatcher reads them. */
import { getLogger } from "@logtape/logtape";
import type { Sql } from "../database/database.ts";
import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import { SubscriptionStore } from "./subscription_store.ts";
import type { EventSubscription } from "./subscription.ts";

/** Options of the sync. */
export interface SubscriptionSyncOptions {
  readonly database: Sql;
  readonly subscriptions: readonly EventSubscription[];
  /** Seconds between rounds. Default 300: during a rollout an older process may write its subscriptions last. */
  readonly every?: number;
}

/** Maximum time in seconds from a failed round to the next. */
const LONGEST_RECOVERY = 10;

const log = getLogger(["celeriac", "events"]);

/** Writes at the start and at each interval. Subscriptions that left the app stay until they are pruned. */
export class SubscriptionSync implements Service {
  readonly #options: SubscriptionSyncOptions;
  readonly #loop: Loop;

  constructor(options: SubscriptionSyncOptions) {
    const { every = 300 } = this.#options = options;
    this.#loop = new Loop({
      name: "subscription sync",
      round: async () => {
        await this.run();
        return every * 1000;
      },
      recoveryMs: Math.min(every, LONGEST_RECOVERY) * 1000,
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Writes once.
   *
   * @throws {DatabaseUnavailable} when the database cannot be reached */
  async run(): Promise<void> {
    const { database, subscriptions } = this.#options;
    if (subscriptions.length === 0) return;
    for (const name of await new SubscriptionStore({ database }).sync(subscriptions)) {
      log.error(
        "Cannot use subscription '{name}' of the app because the database has one of that name: remove that one, or rename this one",
        { name },
      );
    }
  }
}
