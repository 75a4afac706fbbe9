/** Counts the messages and consumers of all queues. */
import type { Broker } from "../../shared/broker/broker.ts";
import { BrokerUnavailable } from "../../shared/errors.ts";
import { withTimeout } from "../../shared/runtime/waits.ts";
import { requireConnection } from "./broker_connection.ts";
import { SharedReads } from "./shared_reads.ts";

/** Milliseconds after which the broker counts as unavailable. */
const DEADLINE_MS = 2000;

/** Queues that are counted at the same time. */
const PARALLEL = 8;

/** A queue. Counts are `null` if they could not be read. */
export interface SurveyedQueue {
  readonly name: string;
  /** Messages that no consumer has received. */
  readonly ready: number | null;
  readonly consumers: number | null;
  /** Why the counts could not be read; `null` if they were. */
  readonly problem: string | null;
}

/** Counts queues by name. */
export class QueueSurvey {
  readonly #reads: SharedReads<SurveyedQueue[]>;

  /** @param options.queues names of the queues
   * @param options.deadlineMs milliseconds after which the broker counts as unavailable. Default 2 s */
  constructor(
    { broker, queues, deadlineMs = DEADLINE_MS }: {
      broker: Pick<Broker, "measure" | "status">;
      queues: Iterable<string>;
      deadlineMs?: number;
    },
  ) {
    const names = [...new Set(queues)].sort();
    this.#reads = new SharedReads(() => survey(broker, names, deadlineMs));
  }

  /** By name. Concurrent callers share the counts.
   *
   * @throws {BrokerUnavailable} when the broker is not connected, or does not answer in time */
  read(): Promise<SurveyedQueue[]> {
    return this.#reads.read("");
  }
}

async function survey(
  broker: Pick<Broker, "measure" | "status">,
  names: readonly string[],
  deadlineMs: number,
): Promise<SurveyedQueue[]> {
  requireConnection(broker, "count the messages of queues");
  const found = new Map<string, SurveyedQueue>();
  // All readers take names from one iterator.
  const left = names.values();
  const count = async (signal: AbortSignal) => {
    for (const name of left) {
      if (signal.aborted) return;
      found.set(name, await measured(broker, name));
    }
  };
  await withTimeout(
    deadlineMs,
    () =>
      new BrokerUnavailable(
        "Cannot count the messages of queues because the broker does not answer: try again later",
      ),
    async (signal) => {
      await Promise.all(Array.from({ length: PARALLEL }, () => count(signal)));
    },
  );
  return names.map((name) => found.get(name)!);
}

async function measured(broker: Pick<Broker, "measure">, name: string): Promise<SurveyedQueue> {
  try {
    const measure = await broker.measure(name);
    if (measure) return { name, ...measure, problem: null };
    return unread(name, "the broker has no such queue");
  } catch (error) {
    if (error instanceof BrokerUnavailable) return unread(name, error.message);
    throw error;
  }
}

function unread(name: string, problem: string): SurveyedQueue {
  return { name, ready: null, consumers: null, problem };
}
