/** Maintains the tables: creates partitions and deletes expired rows. Any number of processes may run it: a lock in Postgres admits one. */
import { getLogger } from "@logtape/logtape";
import type { Database } from "../shared/database/database.ts";
import { DAYS_AHEAD } from "../shared/database/migrate.ts";
import { Loop } from "../shared/runtime/loop.ts";
import type { Service } from "../shared/runtime/service.ts";

/** Retention times, in seconds. */
export interface MaintenanceOptions {
  readonly database: Database;
  /** Interval between two rounds. Default 300. */
  readonly every?: number;
  /** Retention of final results and of events. Default 7 days, minimum one minute. */
  readonly retention?: number;
  /** Retention of records that are not final and no longer change. Default 90 days. */
  readonly abandonment?: number;
  /** Retention of an `Idempotency-Key`. Default 1 day. */
  readonly keyRetention?: number;
  /** Retention of the audit log. Default 365 days. */
  readonly auditRetention?: number;
  /** Retention of series. Default 72 hours. */
  readonly seriesRetention?: number;
}

const DAY = 86_400;
/** Interval after a failed round, in seconds. */
const LONGEST_RECOVERY = 10;
/** Maximum rows deleted in one transaction: keeps locks short. */
const BATCH = 5000;
/** Maximum batches in one round. */
const BATCHES = 100;

const MAKE_PARTITIONS = "select celeriac.make_partitions($1) as made";

const EXPIRE = `
  select dropped, deleted, resume
  from celeriac.expire($1 * interval '1 second', $2, $3 * interval '1 second', $4)`;

// Not kept longer than records: those recognise the copies of an event's tasks once the event is gone.
const EXPIRE_EVENTS = `
  select dropped, deleted from celeriac.expire_events($1 * interval '1 second', $2)`;

const EXPIRE_KEYS = "select celeriac.expire_keys($1 * interval '1 second', $2) as deleted";

const EXPIRE_AUDIT = "select celeriac.expire_audit($1 * interval '1 second', $2) as deleted";

const EXPIRE_SERIES = "select celeriac.expire_series($1 * interval '1 second', $2) as deleted";

const EXPIRE_DEPTHS =
  "select celeriac.expire_queue_depths($1 * interval '1 second', $2) as deleted";

const EXPIRE_CANVAS = `
  select celeriac.expire_canvas($1 * interval '1 second', $2, $3 * interval '1 second') as deleted`;

interface Expired {
  readonly dropped: number;
  readonly deleted: number;
  readonly resume: string | null;
}

/** Calls the schema's maintenance functions, at the start and at each interval. */
export class Maintenance implements Service {
  readonly #options: Required<MaintenanceOptions>;
  readonly #log = getLogger(["celeriac", "maintenance"]);
  readonly #loop: Loop;

  constructor(
    {
      database,
      every = 300,
      retention = 7 * DAY,
      abandonment = 90 * DAY,
      keyRetention = DAY,
      auditRetention = 365 * DAY,
      seriesRetention = 3 * DAY,
    }: MaintenanceOptions,
  ) {
    this.#options = {
      database,
      every,
      retention,
      abandonment,
      keyRetention,
      auditRetention,
      seriesRetention,
    };
    this.#loop = new Loop({
      name: "maintenance",
      round: () => this.#round(),
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

  async #round(): Promise<number> {
    const { every } = this.#options;
    const { made, dropped, deleted, keys } = await this.run();
    if (made + dropped + deleted + keys > 0) {
      this.#log.info(
        "Upkeep made {made} partitions, dropped {dropped}, deleted {deleted} expired records and {keys} keys",
        { made, dropped, deleted, keys },
      );
    }
    return every * 1000;
  }

  /** Runs one round. Returns zeros while another process runs one.
   *
   * @throws {DatabaseUnavailable} */
  async run(): Promise<{ made: number; dropped: number; deleted: number; keys: number }> {
    const { database, retention, abandonment } = this.#options;
    const total = { made: 0, dropped: 0, deleted: 0, keys: 0 };
    const [partitions] = await database.query<{ made: number }>(MAKE_PARTITIONS, [DAYS_AHEAD]);
    total.made = partitions?.made ?? 0;
    // First: the records of finished workflows are deleted with them.
    for (let batch = 0; batch < BATCHES; batch++) {
      const [expired] = await database.query<{ deleted: number }>(EXPIRE_CANVAS, [
        retention,
        BATCH,
        abandonment,
      ]);
      if ((expired?.deleted ?? 0) < BATCH) break;
    }
    let resume: string | null = "";
    for (let batch = 0; batch < BATCHES && resume !== null; batch++) {
      const [expired]: Expired[] = await database.query<Expired>(EXPIRE, [
        retention,
        BATCH,
        abandonment,
        resume,
      ]);
      total.dropped += expired?.dropped ?? 0;
      total.deleted += expired?.deleted ?? 0;
      resume = expired?.resume ?? null;
    }
    for (let batch = 0; batch < BATCHES; batch++) {
      const [expired] = await database.query<Omit<Expired, "resume">>(EXPIRE_EVENTS, [
        retention,
        BATCH,
      ]);
      total.dropped += expired?.dropped ?? 0;
      total.deleted += expired?.deleted ?? 0;
      if ((expired?.deleted ?? 0) < BATCH) break;
    }
    total.keys = await this.#expire(EXPIRE_KEYS, this.#options.keyRetention);
    await this.#expire(EXPIRE_AUDIT, this.#options.auditRetention);
    await this.#expire(EXPIRE_SERIES, this.#options.seriesRetention);
    await this.#expire(EXPIRE_DEPTHS, this.#options.seriesRetention);
    return total;
  }

  /** Deletes expired rows in batches.
   *
   * @returns their number */
  async #expire(statement: string, retention: number): Promise<number> {
    let total = 0;
    for (let batch = 0; batch < BATCHES; batch++) {
      const [expired] = await this.#options.database.query<{ deleted: number }>(statement, [
        retention,
        BATCH,
      ]);
      const deleted = expired?.deleted ?? 0;
      total += deleted;
      if (deleted < BATCH) break;
    }
    return total;
  }
}
