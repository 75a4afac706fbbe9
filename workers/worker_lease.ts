/** The worker's lease: a row that shows that the worker is alive. While it is renewed, no other worker takes over the tasks it holds. */
import type { Sql } from "../shared/database/database.ts";
import { sanitizeText } from "../shared/database/sanitize_text.ts";
import { Loop } from "../shared/runtime/loop.ts";
import type { Service } from "../shared/runtime/service.ts";
import { waitAtMost } from "../shared/runtime/waits.ts";
import type { Holds } from "./delivery/holds.ts";

/** Seconds without renewal after which other workers may take over the tasks that a worker holds. */
export const LEASE_SECONDS = 10;

/** Renewals within the lease time: three may be late or lost. */
const RENEWALS = 4;
/** Renewals between two comparisons with the table. */
const RECONCILE_EVERY = 10;
/** Milliseconds until a failed renewal is retried: well before the lease expires. */
const RECOVERY_MS = 500;
/** Milliseconds to delete the row. If that fails, the lease expires. */
const LEAVE_MS = 1000;

const RENEW = "select celeriac.renew_worker($1, $2) as fresh";

const LEAVE = `
  with freed as (delete from celeriac.holder where node = $1)
  delete from celeriac.worker where node = $1`;

/** Options of a {@linkcode WorkerLease}. */
export interface WorkerLeaseOptions {
  readonly database: Sql;
  readonly node: string;
  /** Restores its rows if the server has lost the lease, and compares them with the table at intervals. */
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

  /** Resolves after the first renewal. If it fails, the loop retries it. */
  async start(): Promise<void> {
    await this.#renew().catch(() => {});
    await this.#loop.start();
  }

  /** Ends the lease now, including the holds of its tasks. */
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
