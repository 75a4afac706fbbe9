/** The scheduler: whoever holds the lease sends what is due, the others wait for their turn. */
import { getLogger } from "@logtape/logtape";
import type { HealthStatus } from "../shared/telemetry/health.ts";
import type { Lease } from "./lease.ts";
import { Loop } from "../shared/runtime/loop.ts";
import type { Service } from "../shared/runtime/service.ts";
import type { ScheduleSource, SentTick } from "./schedule_source.ts";

/** What a scheduler works with. */
export interface SchedulerOptions {
  readonly lease: Lease;
  /** Seconds that the lease lasts. */
  readonly leaseSeconds: number;
  /** Comes before the first look at the sources, again until it does not throw. */
  prepare(): Promise<void>;
  readonly sources: readonly ScheduleSource[];
  /** Hears of each tick that was sent. */
  sent(tick: SentTick): void;
}

/** Renewals in the time that a lease lasts: a slow one must not cost it. */
const RENEWALS = 3;
/** Schedules that others make or change are found within this time. */
const LONGEST_REST_MS = 1000;
/** What is due was not moved, as another process changed it: looking again at once would be a busy loop. */
const SHORTEST_REST_MS = 5;
/** Seconds without a round after which the loop counts as stuck: any statement fails before. */
const STUCK_AFTER = 120;

/** Ticks while it leads. */
export class Scheduler implements Service {
  readonly #options: SchedulerOptions;
  readonly #log = getLogger(["celeriac", "beat"]);
  readonly #loop = new Loop({ name: "scheduler", round: () => this.#round() });
  #prepared = false;
  #leads = false;
  #lastRound = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Whether it held the lease when it last looked. */
  get leads(): boolean {
    return this.#leads;
  }

  start(): Promise<void> {
    this.#lastRound = performance.now();
    return this.#loop.start();
  }

  /** Hands the lease on. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    if (!this.#leads) return;
    this.#leads = false;
    await this.#options.lease.release().catch((error) =>
      this.#log.info("The lease was not handed on, it runs out by itself: {error}", { error })
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Whether its rounds go on, for liveness. */
  look(): HealthStatus {
    const silent = (performance.now() - this.#lastRound) / 1000;
    return silent < STUCK_AFTER
      ? { ok: true, state: this.#leads ? "leading" : "waiting" }
      : { ok: false, state: "stuck", reason: `No round for ${Math.round(silent)} s` };
  }

  async #round(): Promise<number> {
    this.#lastRound = performance.now();
    const { prepare, lease, leaseSeconds, sources, sent } = this.#options;
    if (!this.#prepared) await prepare();
    this.#prepared = true;
    const between = leaseSeconds * 1000 / RENEWALS;
    const fence = await lease.hold();
    this.#tell(fence !== undefined);
    if (!fence) return Math.min(between, LONGEST_REST_MS);
    let restMs = Math.min(between, LONGEST_REST_MS);
    for (const source of sources) {
      const round = await source.tick(fence);
      for (const tick of round.sent) sent(tick);
      restMs = Math.min(restMs, round.restMs);
    }
    return Math.max(restMs, SHORTEST_REST_MS);
  }

  #tell(leads: boolean): void {
    if (leads !== this.#leads) {
      this.#log.info(leads ? "This scheduler leads now" : "Another scheduler leads now");
    }
    this.#leads = leads;
  }
}
