/** The scheduler: the leader sends due ticks, the other processes stand by. */
import { getLogger } from "@logtape/logtape";
import type { HealthStatus } from "../shared/telemetry/health.ts";
import type { Lease } from "./lease.ts";
import { Loop } from "../shared/runtime/loop.ts";
import type { Service } from "../shared/runtime/service.ts";
import type { ScheduleSource, SentTick } from "./schedule_source.ts";

/** Options of a scheduler. */
export interface SchedulerOptions {
  readonly lease: Lease;
  /** Duration of the lease in seconds. */
  readonly leaseSeconds: number;
  /** Runs before the first round; repeated until it succeeds. */
  prepare(): Promise<void>;
  readonly sources: readonly ScheduleSource[];
  /** Called with each tick that was sent. */
  sent(tick: SentTick): void;
}

/** Renewals per lease duration: one slow renewal does not lose the lease. */
const RENEWALS = 3;
/** Maximum pause in milliseconds: new and changed schedules are found within this time. */
const LONGEST_REST_MS = 1000;
/** Minimum pause in milliseconds: prevents a busy loop when another process changed the due schedules. */
const SHORTEST_REST_MS = 5;
/** Seconds without a round after which liveness fails: longer than any statement timeout. */
const STUCK_AFTER = 120;

/** Sends ticks while it is the leader. */
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

  /** Whether it had the lease in its last round. */
  get leads(): boolean {
    return this.#leads;
  }

  start(): Promise<void> {
    this.#lastRound = performance.now();
    return this.#loop.start();
  }

  /** Finishes the current round and releases the lease. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    if (!this.#leads) return;
    this.#leads = false;
    await this.#options.lease.release().catch((error) =>
      this.#log.info("Cannot release the lease, which will expire: {error}", { error })
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The scheduler's health, for liveness. */
  look(): HealthStatus {
    const silent = (performance.now() - this.#lastRound) / 1000;
    return silent < STUCK_AFTER
      ? { ok: true, state: this.#leads ? "leading" : "waiting" }
      : { ok: false, state: "stuck", reason: `no round for ${Math.round(silent)} s` };
  }

  async #round(): Promise<number> {
    this.#lastRound = performance.now();
    const { prepare, lease, leaseSeconds, sources, sent } = this.#options;
    if (!this.#prepared) await prepare();
    this.#prepared = true;
    const between = leaseSeconds * 1000 / RENEWALS;
    const fence = await lease.hold();
    this.#setLeads(fence !== undefined);
    if (!fence) return Math.min(between, LONGEST_REST_MS);
    let restMs = Math.min(between, LONGEST_REST_MS);
    for (const source of sources) {
      const round = await source.tick(fence);
      for (const tick of round.sent) sent(tick);
      restMs = Math.min(restMs, round.restMs);
    }
    return Math.max(restMs, SHORTEST_REST_MS);
  }

  #setLeads(leads: boolean): void {
    if (leads !== this.#leads) {
      this.#log.info(
        leads ? "This scheduler is the leader now" : "Another scheduler is the leader now",
      );
    }
    this.#leads = leads;
  }
}
