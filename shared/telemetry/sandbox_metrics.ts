/** Metrics of a worker's child processes. */
import { Counter, Gauge, Histogram, type Registry } from "./prometheus.ts";

/** Histogram buckets of child start-up in seconds: from a warm cache on an idle machine to a cold one on a busy machine. */
const SPAWN_SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Source of the gauges. */
export interface Children {
  children(): Iterable<{ readonly busy: boolean }>;
  /** Bytes. */
  resident(): Promise<number>;
}

/** Counts child processes; the names begin with `celeriac_sandbox_`. */
export class SandboxMetrics {
  readonly #registry: Registry;
  readonly #spawnSeconds: Histogram;
  readonly #ended: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#registry = registry;
    this.#spawnSeconds = new Histogram({
      name: "celeriac_sandbox_spawn_seconds",
      help: "Seconds until a child process was ready",
      buckets: SPAWN_SECONDS,
      registers,
    });
    this.#ended = new Counter({
      name: "celeriac_sandbox_children_ended_total",
      help: "Child processes that ended, by why",
      labelNames: ["why"],
      registers,
    });
  }

  spawned(seconds: number): void {
    this.#spawnSeconds.observe(seconds);
  }

  ended(why: string): void {
    this.#ended.inc({ why });
  }

  /** Adds gauges of the running children. */
  watch(pools: Children): void {
    const registers = [this.#registry];
    new Gauge({
      name: "celeriac_sandbox_children",
      help: "Child processes that live, by whether they run a task",
      labelNames: ["busy"],
      registers,
      collect() {
        const busy = [...pools.children()].map((child) => child.busy);
        this.set({ busy: "true" }, busy.filter((is) => is).length);
        this.set({ busy: "false" }, busy.filter((is) => !is).length);
      },
    });
    new Gauge({
      name: "celeriac_sandbox_resident_memory_bytes",
      help: "Memory of all child processes; 0 where the platform does not tell",
      registers,
      async collect() {
        this.set(await pools.resident());
      },
    });
  }
}
