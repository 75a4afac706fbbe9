/** The database's time, without a query per call.
 *
 * Machines with different clocks would disagree about due times and expiry. Each process therefore measures the offset between the
 * database's clock and `performance.now()`, which changes of the machine's clock do not affect.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type Clock, SYSTEM_CLOCK } from "../runtime/clock.ts";
import { Loop } from "../runtime/loop.ts";
import type { Service } from "../runtime/service.ts";
import { waitAtMost } from "../runtime/waits.ts";
import type { Sql } from "./database.ts";

/** Milliseconds between measurements: clocks drift, and a failover may change the clock. */
const RENEW_MS = 30_000;

/** Queries per measurement; the fastest one counts. */
const SAMPLES = 3;

/** Milliseconds that {@linkcode DatabaseClock.start} waits for the first measurement. */
const START_TIMEOUT_MS = 2000;

/** Difference in milliseconds from which a warning is logged. */
const WARN_MS = 1000;

const NOW = "select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms";

const log = getLogger(["celeriac", "clock"]);

/** Returns the database's time; before the first measurement, this machine's time. */
export class DatabaseClock implements Clock, Service {
  readonly #database: Sql;
  readonly #loop = new Loop({ name: "clock", round: () => this.#round() });
  readonly #first = Promise.withResolvers<void>();
  /** The database's time at `performance.now() = 0`, in milliseconds since the epoch. */
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

  /** Resolves after the first measurement, or after 2 s if the database does not respond. */
  async start(): Promise<void> {
    await this.#loop.start();
    await waitAtMost(START_TIMEOUT_MS, this.#first.promise);
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

  /** Logs when the difference becomes large, and when it ends. */
  #report(): void {
    const aheadMs = SYSTEM_CLOCK.now().getTime() - this.now().getTime();
    const isOff = Math.abs(aheadMs) > WARN_MS;
    if (isOff === this.#isOff) return;
    this.#isOff = isOff;
    if (!isOff) return log.info("The clock of this machine agrees with the database clock again");
    log.warn(
      "The clock of this machine is {seconds} s {direction} the database clock, which Celeriac uses: synchronize it (NTP)",
      {
        seconds: Math.round(Math.abs(aheadMs) / 100) / 10,
        direction: aheadMs > 0 ? "ahead of" : "behind",
      },
    );
  }
}
