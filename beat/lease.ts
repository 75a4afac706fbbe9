/** Leases: a row in the database that makes one process the leader for a limited time.
 *
 * Only the database's clock is used. A frozen or disconnected leader cannot know that another process has taken over. So every statement
 * of a leader checks the lease itself ({@linkcode HELD}); without a valid lease it writes nothing.
 * @module
 */
import type { Sql } from "../shared/database/database.ts";

/** Options of a lease. */
export interface LeaseOptions {
  readonly database: Sql;
  /** Name of the role that one process has at a time. */
  readonly name: string;
  /** The process; unique. */
  readonly holder: string;
  /** Seconds without a renewal after which another process may take over. */
  readonly seconds: number;
}

/** Proof of a lease: the parameters of {@linkcode HELD}. */
export interface Fence {
  readonly name: string;
  readonly holder: string;
  /** Increases with each new holder. */
  readonly epoch: string;
}

/** Selects one row if the lease with `$1` name, `$2` holder and `$3` epoch is valid, and locks it until the end of the statement. */
export const HELD = `
  select from celeriac.lease
  where name = $1 and holder = $2 and epoch = $3::bigint and expires_at > clock_timestamp() for share`;

const HOLD = `
  insert into celeriac.lease as held (name, holder, epoch, expires_at)
  values ($1, $2, 1, clock_timestamp() + $3 * interval '1 second')
  on conflict (name) do update
  set holder = excluded.holder, expires_at = excluded.expires_at,
    epoch = held.epoch + (held.holder <> excluded.holder)::integer
  where held.holder = excluded.holder or held.expires_at <= clock_timestamp()
  returning epoch::text`;

const RELEASE = `
  update celeriac.lease set expires_at = '-infinity' where name = $1 and holder = $2`;

/** Acquires, renews and releases a lease for one process. */
export class Lease {
  readonly #options: LeaseOptions;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Acquires the lease if it is free, or renews it.
   *
   * @returns `undefined` while another process holds it
   * @throws {DatabaseUnavailable} */
  async hold(): Promise<Fence | undefined> {
    const { database, name, holder, seconds } = this.#options;
    const [row] = await database.query<{ epoch: string }>(HOLD, [name, holder, seconds]);
    return row && { name, holder, epoch: row.epoch };
  }

  /** Releases the lease, so that another process can take over immediately.
   *
   * @throws {DatabaseUnavailable} */
  async release(): Promise<void> {
    const { database, name, holder } = this.#options;
    await database.query(RELEASE, [name, holder]);
  }
}
