/** Celery's worker events: `worker-online`, `worker-heartbeat` and `worker-offline`. */
import type { Broker } from "../../shared/broker/broker.ts";
import { workerEvent, type WorkerEventType } from "../../shared/celery/event.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { VERSION } from "../../shared/version.ts";

/** Seconds between heartbeats. Monitors consider a worker dead after twice this time, which tolerates a handler that blocks the event loop. */
const BEAT_SECONDS = 5;

/** Milliseconds that an event waits for a blocked broker. */
const PUBLISH_MS = 1000;

/** Options of a {@linkcode Heartbeat}. */
export interface HeartbeatOptions {
  readonly broker: Pick<Broker, "publish">;
  readonly node: { readonly hostname: string; readonly pid: number; clock(): number };
  /** Number of running tasks. */
  active(): number;
  /** Number of tasks started since the worker's start. */
  processed(): number;
}

/** Publishes the worker's heartbeat. Events that the broker does not accept are lost. */
export class Heartbeat implements Service {
  readonly #options: HeartbeatOptions;
  #timer: ReturnType<typeof setInterval> | undefined;
  #publishing: Promise<void> = Promise.resolve();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.beat(), BEAT_SECONDS * 1000);
    await this.#publish("worker-online");
  }

  async stop(): Promise<void> {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#publishing;
    await this.#publish("worker-offline");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Publishes a heartbeat now, for a monitor that has just started. */
  beat(): void {
    this.#publishing = this.#publish("worker-heartbeat");
  }

  async #publish(type: WorkerEventType): Promise<void> {
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
    const timer = setTimeout(() => late.abort(), PUBLISH_MS);
    const message = workerEvent(type, fields, node);
    await broker.publish(message, { mandatory: false, signal: late.signal }).catch(() => {});
    clearTimeout(timer);
  }
}

/** Names as in `uname -s`. */
const SYSTEMS: ReadonlyMap<string, string> = new Map([
  ["linux", "Linux"],
  ["darwin", "Darwin"],
  ["windows", "Windows"],
]);

/** Load averages of 1, 5 and 15 minutes; an empty list without the permission. */
function loadAverage(): number[] {
  try {
    return Deno.loadavg().map((load) => Math.round(load * 100) / 100);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return [];
    throw error;
  }
}
