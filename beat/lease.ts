/** Leases: a row that makes one process the leader for a while.
 *
 * The database's clock is the only one that counts. A leader that was frozen, or cut off, does not know that another one leads by now; so
 * whatever it writes must ask for the lease in the same statement ({@linkcode HELD}), and a lease that is lost writes nothing.
 * @module
 */
import type { Sql } from "../shared/database/database.ts";

/** What a lease works with. */
export interface LeaseOptions {
  readonly database: Sql;
  /** What is led. */
  readonly name: string;
  /** Who asks; never the same in two processes. */
  readonly holder: string;
  /** Seconds after which another process may take over from one that is silent. */
  readonly seconds: number;
}

/** A lease that was held when it was asked for. Give its values to {@linkcode HELD}. */
export interface Fence {
  readonly name: string;
  readonly holder: string;
  /** Goes up with each new holder. */
  readonly epoch: string;
}

/** Selects one row if a lease is still held as `$1` name, `$2` holder and `$3` epoch say, and keeps it so until the statement is over. */
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

/** One process's claim to lead. */
export class Lease {
  readonly #options: LeaseOptions;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Takes the lease if it is free, renews it if it is ours.
   *
   * @returns `undefined` while another process holds it
   * @throws {DatabaseUnavailable} */
  async hold(): Promise<Fence | undefined> {
    const { database, name, holder, seconds } = this.#options;
    const [row] = await database.query<{ epoch: string }>(HOLD, [name, holder, seconds]);
    return row && { name, holder, epoch: row.epoch };
  }

  /** Lets another process take over at once.
   *
   * @throws {DatabaseUnavailable} */
  async release(): Promise<void> {
    const { database, name, holder } = this.#options;
    await database.query(RELEASE, [name, holder]);
  }
}
