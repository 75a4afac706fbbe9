/** The worker's lease: a row that says it is alive, so that no other worker takes over the tasks it holds. */
import type { Sql } from "../shared/database/database.ts";
import { sanitizeText } from "../shared/database/sanitize_text.ts";
import { Loop } from "../shared/runtime/loop.ts";
import type { Service } from "../shared/runtime/service.ts";
import { waitAtMost } from "../shared/runtime/waits.ts";
import type { Holds } from "./delivery/holds.ts";

/** Seconds without a renewal after which other workers take over the tasks of one that holds them. */
export const LEASE_SECONDS = 10;

/** Three renewals may be late or lost. */
const RENEWALS = 4;
/** Renewals from one comparison with the table to the next. */
const RECONCILE_EVERY = 10;
/** Milliseconds to the next attempt when a renewal failed: sooner than another worker may conclude anything from it. */
const RECOVERY_MS = 500;
/** Milliseconds to delete the row in. Where that fails the lease ends by itself. */
const LEAVE_MS = 1000;

const RENEW = "select celeriac.renew_worker($1, $2) as fresh";

const LEAVE = `
  with freed as (delete from celeriac.holder where node = $1)
  delete from celeriac.worker where node = $1`;

/** What a lease works with. */
export interface WorkerLeaseOptions {
  readonly database: Sql;
  readonly node: string;
  /** Told to hold its tasks again when the server has forgotten the worker, and to compare from time to time. */
  readonly holds: Pick<Holds, "restore" | "reconcile">;
  /** Default {@linkcode LEASE_SECONDS}. */
  readonly seconds?: number;
}

/** Renews the lease until it is stopped. */
export class WorkerLease implements Service {
  readonly #options: Required<WorkerLeaseOptions>;
  readonly #loop: Loop;
  #renewals = 0;

  constructor(options: WorkerLeaseOptions) {
    const { seconds = LEASE_SECONDS } = options;
    this.#options = { ...options, seconds };
    this.#loop = new Loop({
      name: "worker lease",
      round: () => this.#renew(),
      recoveryMs: RECOVERY_MS,
    });
  }

  /** Resolves after the first renewal, which the loop repeats where it fails. */
  async start(): Promise<void> {
    await this.#renew().catch(() => {});
    await this.#loop.start();
  }

  /** Ends the lease at once, also of the tasks that are still held. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    const { database, node } = this.#options;
    await waitAtMost(LEAVE_MS, database.query(LEAVE, [sanitizeText(node)]).catch(() => {}));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #renew(): Promise<number> {
    const { database, node, seconds, holds } = this.#options;
    const [row] = await database.query<{ fresh: boolean }>(RENEW, [sanitizeText(node), seconds]);
    if (row?.fresh) await holds.restore();
    if (this.#renewals++ % RECONCILE_EVERY === 0) await holds.reconcile();
    return seconds * 1000 / RENEWALS;
  }
}
