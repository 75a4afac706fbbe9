/** Writes the queues of an app's contracts into the database, where `celeriac.submit()` reads them. */
import type { Sql } from "../database/database.ts";
import { Loop } from "../runtime/loop.ts";
import type { Registry } from "../contracts/registry.ts";
import type { Service } from "../runtime/service.ts";

/** Options of the sync. */
export interface RouteSyncOptions {
  readonly database: Sql;
  readonly registry: Registry;
  /** Seconds between rounds. Default 300: during a rollout an older process may write its queues last. */
  readonly every?: number;
}

/** Maximum time in seconds from a failed round to the next. */
const LONGEST_RECOVERY = 10;

// Always in the same order, so that two processes cannot deadlock.
const UPSERT = `
  insert into celeriac.route (task, queue)
  select task, queue from unnest($1::text[], $2::text[]) as given (task, queue) order by task
  on conflict (task) do update set queue = excluded.queue, updated_at = now()
  where route.queue <> excluded.queue`;

/** Writes at the start and at each interval. Rows of tasks that left the app stay. */
export class RouteSync implements Service {
  readonly #options: RouteSyncOptions;
  readonly #loop: Loop;

  constructor(options: RouteSyncOptions) {
    const { every = 300 } = this.#options = options;
    this.#loop = new Loop({
      name: "route sync",
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
    const { database, registry } = this.#options;
    const contracts = [...registry];
    await database.query(UPSERT, [
      contracts.map(({ name }) => name),
      contracts.map(({ queue }) => queue),
    ]);
  }
}
