/** Replies to `stats`, `conf` and `report`. */
import process from "node:process";
import type { AmqpAddress } from "../../shared/broker/amqp/address.ts";
import { type Config, type SettingKey, settingsOf } from "../../shared/config/settings.ts";
import { VERSION } from "../../shared/version.ts";

/** The state of a worker that its replies show. */
export interface WorkerState {
  /** Node name. */
  readonly name: string;
  readonly clock: { readonly value: number };
  readonly contracts: Iterable<{ readonly name: string }>;
  readonly taskCounts: { readonly byName: Record<string, number> };
  worker(): {
    readonly queues: readonly string[];
    readonly prefetch: number;
    readonly concurrency: number;
  };
}

/** Options of {@linkcode WorkerInfo}. */
export interface WorkerInfoOptions {
  readonly config: Config;
  /** Addresses of the broker; absent if it runs in this process. */
  readonly addresses?: readonly AmqpAddress[];
  /** Process ids of the child processes. */
  children(): readonly number[];
}

/** Describes one worker. The replies contain no secrets. */
export class WorkerInfo {
  readonly #options: WorkerInfoOptions;
  readonly #since = performance.now();

  constructor(options: WorkerInfoOptions) {
    this.#options = options;
  }

  /** Reply to `stats`. Flower's page of a worker needs `total` and `broker`. */
  stats({ clock, worker, taskCounts }: WorkerState): Record<string, unknown> {
    const usage = process.resourceUsage();
    return {
      total: taskCounts.byName,
      pid: Deno.pid,
      clock: String(clock.value),
      uptime: Math.floor((performance.now() - this.#since) / 1000),
      pool: {
        "implementation": "celeriac:Runner",
        "max-concurrency": worker().concurrency,
        "processes": [Deno.pid, ...this.#options.children()],
        "max-tasks-per-child": "N/A",
        "put-guarded-by-semaphore": true,
        "timeouts": [0, 0],
        "writes": "N/A",
      },
      broker: this.#broker(),
      prefetch_count: worker().prefetch,
      rusage: {
        utime: usage.userCPUTime / 1e6,
        stime: usage.systemCPUTime / 1e6,
        maxrss: usage.maxRSS,
      },
    };
  }

  /** Reply to `conf`: the worker's settings, and the Celery settings that apply. */
  conf({ worker }: WorkerState): Record<string, unknown> {
    const { config } = this.#options;
    const own = settingsOf("worker").filter(([, { secret }]) => !secret).map((
      [key],
    ) => [snake(key), config[key] ?? null]);
    return {
      ...Object.fromEntries(own),
      broker_url: this.#url(),
      task_acks_late: true,
      task_serializer: "json",
      result_serializer: "json",
      accept_content: ["json"],
      timezone: "UTC",
      enable_utc: true,
      worker_concurrency: worker().concurrency,
      worker_prefetch_multiplier: config.prefetchFactor,
    };
  }

  /** Reply to `report`. */
  report({ name, worker, contracts }: WorkerState): string {
    return [
      `software -> celeriac:${VERSION} deno:${Deno.version.deno} typescript:${Deno.version.typescript}`,
      `platform -> ${Deno.build.os} ${Deno.build.arch}`,
      `node -> ${name} pid:${Deno.pid}`,
      `broker -> ${this.#url()}`,
      `queues -> ${worker().queues.join(", ")}`,
      `tasks -> ${Array.from(contracts, (contract) => contract.name).sort().join(", ")}`,
      "",
    ].join("\n");
  }

  #broker(): Record<string, unknown> {
    const [address, ...others] = this.#options.addresses ?? [];
    return {
      hostname: address?.hostname ?? "memory",
      userid: address?.username ?? null,
      virtual_host: address?.vhost ?? "/",
      port: address?.port ?? null,
      insist: false,
      ssl: address?.protocol === "amqps",
      transport: address ? "amqp" : "memory",
      connect_timeout: null,
      transport_options: {},
      login_method: "PLAIN",
      uri_prefix: null,
      heartbeat: address?.heartbeat ?? null,
      failover_strategy: "round-robin",
      alternates: others.map(withoutPassword),
    };
  }

  /** Without the password. */
  #url(): string {
    return this.#options.addresses?.map(withoutPassword).join(";") ?? "memory://";
  }
}

function withoutPassword({ protocol, username, label }: AmqpAddress): string {
  return `${protocol}://${username}:**@${label}`;
}

function snake(key: SettingKey): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
