/** Tells the world that this worker is there, as Celery's watchers want to hear it: `worker-online`, heartbeats, `worker-offline`. */
import type { Broker } from "../../shared/broker/broker.ts";
import { workerEvent, type WorkerEventType } from "../../shared/celery/event.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { VERSION } from "../../shared/version.ts";

/** Seconds between heartbeats. Watchers take a worker for dead after twice as long: time enough for a handler that holds the loop. */
const BEAT_SECONDS = 5;

/** How long a word may wait for a broker that takes nothing. */
const PATIENCE_MS = 1000;

/** What a presence works with. */
export interface HeartbeatOptions {
  readonly broker: Pick<Broker, "publish">;
  readonly node: { readonly hostname: string; readonly pid: number; clock(): number };
  /** Tasks that run now. */
  active(): number;
  /** Tasks begun since the start. */
  processed(): number;
}

/** The worker's sign of life; lost where the broker does not take it, as all events are. */
export class Heartbeat implements Service {
  readonly #options: HeartbeatOptions;
  #timer: ReturnType<typeof setInterval> | undefined;
  #saying: Promise<void> = Promise.resolve();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.beat(), BEAT_SECONDS * 1000);
    await this.#say("worker-online");
  }

  async stop(): Promise<void> {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#saying;
    await this.#say("worker-offline");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Sends a heartbeat now: that is how a watcher that has just come finds the workers. */
  beat(): void {
    this.#saying = this.#say("worker-heartbeat");
  }

  async #say(type: WorkerEventType): Promise<void> {
    const { broker, node, active, processed } = this.#options;
    const fields = {
      timestamp: Date.now() / 1000,
      freq: BEAT_SECONDS,
      active: active(),
      processed: processed(),
      loadavg: loadAverage(),
      version: VERSION,
      system: SYSTEMS.get(Deno.build.os) ?? Deno.build.os,
    };
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), PATIENCE_MS);
    const message = workerEvent(type, fields, node);
    await broker.publish(message, { mandatory: false, signal: late.signal }).catch(() => {});
    clearTimeout(timer);
  }
}

/** As `uname -s` has them. */
const SYSTEMS: ReadonlyMap<string, string> = new Map([
  ["linux", "Linux"],
  ["darwin", "Darwin"],
  ["windows", "Windows"],
]);

/** Of 1, 5 and 15 minutes; none where the permission for it is missing. */
function loadAverage(): number[] {
  try {
    return Deno.loadavg().map((load) => Math.round(load * 100) / 100);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return [];
    throw error;
  }
}
