/** The database's time, without a query for each look.
 *
 * Machines whose clocks differ would disagree about due times and expiry. So each process measures how far the database's clock is
 * from `performance.now()`, which no step of the machine's clock changes.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type Clock, SYSTEM_CLOCK } from "../runtime/clock.ts";
import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import { waitAtMost } from "../runtime/waits.ts";
import type { Sql } from "./database.ts";

/** Milliseconds between measurements: clocks drift, and a failover may bring another clock. */
const RENEW_MS = 30_000;

/** Measurements at once: the one with the fastest answer counts. */
const SAMPLES = 3;

/** Milliseconds that {@linkcode DatabaseClock.start} waits for the first measurement. */
const FIRST_MS = 2000;

/** Milliseconds that this machine may differ before the log says so. */
const WORTH_A_LINE_MS = 1000;

const NOW = "select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms";

const log = getLogger(["celeriac", "clock"]);

/** Tells the database's time, and until it is known that of this machine. */
export class DatabaseClock implements Clock, Service {
  readonly #database: Sql;
  readonly #loop = new Loop({ name: "clock", round: () => this.#round() });
  readonly #first = Promise.withResolvers<void>();
  /** Milliseconds since the epoch at `performance.now()` 0, by the database. */
  #origin: number | undefined;
  #isOff = false;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  now(): Date {
    return this.#origin === undefined
      ? SYSTEM_CLOCK.now()
      : new Date(this.#origin + performance.now());
  }

  /** Resolves when the time is known, or after 2 s if the database does not answer. */
  async start(): Promise<void> {
    await this.#loop.start();
    await waitAtMost(FIRST_MS, this.#first.promise);
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #round(): Promise<number> {
    let fastest = Infinity;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const began = performance.now();
      const [row] = await this.#database.query<{ ms: number }>(NOW);
      const took = performance.now() - began;
      if (took >= fastest) continue;
      fastest = took;
      this.#origin = row!.ms - began - took / 2;
    }
    this.#first.resolve();
    this.#report();
    return RENEW_MS;
  }

  /** Says so once, and again when it is over. */
  #report(): void {
    const aheadMs = SYSTEM_CLOCK.now().getTime() - this.now().getTime();
    const isOff = Math.abs(aheadMs) > WORTH_A_LINE_MS;
    if (isOff === this.#isOff) return;
    this.#isOff = isOff;
    if (!isOff) return log.info("The clock of this machine agrees with the database's again");
    log.warn(
      "The clock of this machine is {seconds} s {direction} the database's, which counts: synchronize it (NTP)",
      {
        seconds: Math.round(Math.abs(aheadMs) / 100) / 10,
        direction: aheadMs > 0 ? "ahead of" : "behind",
      },
    );
  }
}
