/** Surveys the workers: their queues, limits and running tasks. */
import { z } from "zod";
import type { Broker } from "../../shared/broker/broker.ts";
import { requestReplies } from "../../shared/celery/control_client.ts";
import { BrokerUnavailable } from "../../shared/errors.ts";
import { withTimeout } from "../../shared/runtime/waits.ts";
import { isInRange } from "../http/time.ts";
import { requireConnection } from "./broker_connection.ts";
import { SharedReads } from "./shared_reads.ts";

/** Milliseconds for which replies are collected: nothing says how many workers there are. */
const COLLECT_MS = 1000;

/** Milliseconds after which the broker counts as unavailable. */
const DEADLINE_MS = 1500;

/** A task that a worker runs. */
export interface ActiveTask {
  readonly id: string;
  readonly name: string;
  /** Routing key of its message: the queue for queues of contracts. */
  readonly queue: string | null;
  readonly startedAt: Date | null;
}

/** A worker that has replied. Fields are `null` if it did not report them. */
export interface SurveyedWorker {
  /** Node name. */
  readonly name: string;
  readonly pid: number | null;
  readonly uptimeSeconds: number | null;
  /** Tasks that it runs at the same time, at most. */
  readonly concurrency: number | null;
  readonly prefetch: number | null;
  /** Number of tasks that it has received since its start. */
  readonly received: number;
  readonly queues: readonly string[];
  /** Tasks that it has, with their rate limits as Celery writes them. */
  readonly registered: ReadonlyMap<string, string | null>;
  readonly active: readonly ActiveTask[];
}

const number = z.number().nullish().catch(null);

const Stats = z.object({
  pid: number,
  uptime: number,
  prefetch_count: number,
  total: z.record(z.string(), z.number()).catch({}),
  pool: z.object({ "max-concurrency": number }).catch({ "max-concurrency": null }),
});

const Queues = z.array(z.object({ name: z.string() })).catch([]);

const Active = z.array(z.object({
  id: z.string(),
  name: z.string(),
  time_start: number,
  delivery_info: z.object({ routing_key: z.string().nullish() }).nullish().catch(null),
})).catch([]);

/** `NAME`, or `NAME [rate_limit=10/m]`. */
const Registered = z.array(z.string()).catch([]);

/** Queries workers with Celery's remote control, so that Python workers reply too. */
export class WorkerSurvey {
  readonly #reads: SharedReads<SurveyedWorker[]>;

  /** @param options.collectMs milliseconds for which replies are collected. Default 1 s */
  constructor(
    { broker, collectMs = COLLECT_MS }: {
      broker: Pick<Broker, "listen" | "publish" | "status">;
      collectMs?: number;
    },
  ) {
    this.#reads = new SharedReads(async () => {
      requireConnection(broker, "ask the workers");
      return await survey(broker, collectMs);
    });
  }

  /** Resolves after the collecting time, by name. Concurrent callers share the replies.
   *
   * @throws {BrokerUnavailable} */
  read(): Promise<SurveyedWorker[]> {
    return this.#reads.read("");
  }
}

async function survey(
  broker: Pick<Broker, "listen" | "publish">,
  collectMs: number,
): Promise<SurveyedWorker[]> {
  const ask = (method: string, given: Record<string, unknown> = {}) =>
    requestReplies(broker, { method, arguments: given }, { timeoutMs: collectMs });
  const [stats, queues, registered, active] = await withTimeout(
    collectMs + DEADLINE_MS,
    () =>
      new BrokerUnavailable(
        "Cannot ask the workers because the broker does not answer: try again later",
      ),
    () =>
      Promise.all([
        ask("stats"),
        ask("active_queues"),
        ask("registered"),
        ask("active", { safe: true }),
      ]),
  );
  return Object.keys(stats).sort().flatMap((name) => {
    const parsed = Stats.safeParse(stats[name]);
    if (!parsed.success) return [];
    const { pid, uptime, prefetch_count, total, pool } = parsed.data;
    return [{
      name,
      pid: pid ?? null,
      uptimeSeconds: uptime ?? null,
      concurrency: pool["max-concurrency"] ?? null,
      prefetch: prefetch_count ?? null,
      received: Object.values(total).reduce((sum, count) => sum + count, 0),
      queues: Queues.parse(queues[name]).map((queue) => queue.name).sort(),
      registered: new Map(Registered.parse(registered[name]).map(registration)),
      active: Active.parse(active[name]).map((task) => ({
        id: task.id,
        name: task.name,
        queue: task.delivery_info?.routing_key ?? null,
        startedAt: timeOf(task.time_start),
      })),
    }];
  });
}

function registration(text: string): [name: string, rateLimit: string | null] {
  const [name = "", limit] = text.split(" [");
  return [name, /rate_limit=([^\s\]]+)/.exec(limit ?? "")?.[1] ?? null];
}

/** A time in seconds; `null` for what is none. */
function timeOf(seconds: number | null | undefined): Date | null {
  const at = new Date((seconds ?? NaN) * 1000);
  return isInRange(at) ? at : null;
}
