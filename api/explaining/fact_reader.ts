/** Reads the facts about one task. */
import { z } from "zod";
import type { Broker } from "../../shared/broker/broker.ts";
import { requestReplies } from "../../shared/celery/control_client.ts";
import type { Registry } from "../../shared/contracts/registry.ts";
import type { DeadLetters } from "../../shared/dead_letters/store.ts";
import { NO_RETRY, retryPolicy } from "../../shared/contracts/retry.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { CeleriacError } from "../../shared/errors.ts";
import type { PauseStore } from "../../shared/flow/pause_store.ts";
import type { Outbox } from "../../shared/outbox/outbox.ts";
import type { TaskRecord } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { withTimeout } from "../../shared/runtime/waits.ts";
import type { Workflows } from "../../shared/workflows/store.ts";
import { isYoung } from "../reading/record.ts";
import { requireConnection } from "../reading/broker_connection.ts";
import type { WorkerSurvey } from "../reading/worker_survey.ts";
import { nameOf, needsQueueFacts, queueOf } from "./explain.ts";
import type { HeldTask, QueueFacts, TaskFacts, UnreadFact } from "./task_facts.ts";

/** Milliseconds for one fact. Some are read after others. */
const DEADLINE_MS = 4000;

/** Milliseconds for all facts. */
export const FACTS_MS = 2 * DEADLINE_MS + 1000;

/** Milliseconds for which replies of workers are collected. */
const COLLECT_MS = 1000;

/** Ended tasks that the drain rate is measured with, and the milliseconds in which they ended. */
const SAMPLE = 200;
const SAMPLE_MS = 60_000;

/** Dependencies of {@linkcode FactReader}. */
export interface FactReaderParts {
  readonly registry: Registry;
  readonly broker: Pick<Broker, "listen" | "publish" | "measure" | "status">;
  readonly store: Pick<ResultStore, "find" | "list">;
  readonly outbox: Pick<Outbox, "find">;
  readonly pauses: Pick<PauseStore, "list">;
  readonly deadLetters: Pick<DeadLetters, "list">;
  readonly workflows: Pick<Workflows, "memberOf">;
  readonly survey: Pick<WorkerSurvey, "read">;
  readonly clock: Clock;
}

const Standings = z.record(
  z.string(),
  z.tuple([
    z.enum(["active", "scheduled", "reserved"]),
    z.unknown(),
  ]),
);

/** Reads what is needed for an answer: the queue and its workers only if the message may be there. */
export class FactReader {
  readonly #parts: FactReaderParts;

  constructor(parts: FactReaderParts) {
    this.#parts = parts;
  }

  /** Facts that cannot be read are listed as such.
   *
   * @throws {DatabaseUnavailable} when the record cannot be read */
  async read(id: string): Promise<TaskFacts> {
    const { store, outbox, pauses, deadLetters, workflows, clock, broker, registry } = this.#parts;
    const unread: UnreadFact[] = [];
    const [record, messages, paused, letters] = await Promise.all([
      store.find(id),
      attempt(unread, "outbox", () => outbox.find(id)),
      attempt(unread, "pauses", () => pauses.list()),
      attempt(unread, "dead-letters", () => deadLetters.list({ taskId: id }, { limit: 1 })),
    ]);
    const member = (record?.state ?? "PENDING") === "PENDING"
      ? await attempt(unread, "workflow", () => workflows.memberOf(id))
      : undefined;
    const contract = registry.get(record?.name ?? member?.name ?? "");
    const facts: TaskFacts = {
      now: clock.now(),
      isYoung: isYoung(id, clock.now()),
      record,
      ...(member && { member }),
      messages: messages ?? [],
      pauses: paused ?? [],
      letter: letters?.letters[0],
      broker: broker.status,
      maxAttempts: contract ? maxAttemptsOf(contract, record) : null,
      unread,
    };
    if (!needsQueueFacts(facts)) return facts;
    return { ...facts, ...await this.#readQueue(id, facts, unread) };
  }

  async #readQueue(id: string, facts: TaskFacts, unread: UnreadFact[]): Promise<QueueFacts> {
    const { broker, survey } = this.#parts;
    const queue = queueOf(facts);
    const [measure, workers, held, perSecond] = await Promise.all([
      queue === null
        ? undefined
        : attempt(unread, "queue", async () => await broker.measure(queue) ?? "missing" as const),
      nameOf(facts) === null ? undefined : attempt(unread, "workers", () => survey.read()),
      attempt(unread, "workers", () => this.#holderOf(id)),
      queue === null ? undefined : this.#rateOf(queue, facts.now),
    ]);
    return {
      ...(measure !== undefined && { measure }),
      ...(workers !== undefined && { workers }),
      ...(held && { held }),
      ...(perSecond !== undefined && { perSecond }),
    };
  }

  async #holderOf(id: string): Promise<HeldTask | undefined> {
    const { broker } = this.#parts;
    requireConnection(broker, "ask the workers");
    const command = { method: "query_task", arguments: { ids: [id] } };
    const replies = await requestReplies(broker, command, { timeoutMs: COLLECT_MS });
    for (const [worker, reply] of Object.entries(replies)) {
      const parsed = Standings.safeParse(reply);
      const found = parsed.data?.[id];
      if (found) return { worker, standing: found[0] };
    }
    return undefined;
  }

  /** From the newest records of the queue, because nothing counts the tasks of each queue. */
  async #rateOf(queue: string, now: Date): Promise<number | undefined> {
    const { store } = this.#parts;
    const { records } = await store.list({ queue, state: "SUCCESS" }, {
      limit: SAMPLE,
      results: false,
    });
    return drainRate(records, now);
  }
}

/** Tasks that ended per second during the last minute; `undefined` if fewer than two did.
 *
 * @example
 * ```ts
 * import { drainRate } from "./fact_reader.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const ended = [10, 8, 6, 4].map((ago) => ({ finishedAt: new Date(100_000 - ago * 1000) }));
 * assertEquals(drainRate(ended, new Date(100_000)), 0.4);
 * assertEquals(drainRate([], new Date(100_000)), undefined);
 * ```
 */
export function drainRate(
  ended: readonly Pick<TaskRecord, "finishedAt">[],
  now: Date,
): number | undefined {
  const ages = ended.flatMap(({ finishedAt }) => finishedAt ? [now.getTime() - +finishedAt] : [])
    .filter((ms) => ms < SAMPLE_MS);
  if (ages.length < 2) return undefined;
  const span = Math.max(...ages, 1) / 1000;
  return Number((ages.length / span).toPrecision(3));
}

/** The attempts that a contract allows; `null` if unlimited. A handler may request a retry although its contract has no policy. */
function maxAttemptsOf({ retry }: TaskContract, record: TaskRecord | undefined): number | null {
  const isRequested = retry === NO_RETRY && (record?.retries ?? 0) > 0;
  const { maxAttempts } = isRequested ? retryPolicy(true) : retry;
  return maxAttempts === Infinity ? null : maxAttempts;
}

/** Reads one fact, or notes why it could not be read. */
async function attempt<Fact>(
  unread: UnreadFact[],
  fact: UnreadFact["fact"],
  read: () => Promise<Fact>,
): Promise<Fact | undefined> {
  const late = () => new CeleriacError(`there was no answer within ${DEADLINE_MS} ms`);
  try {
    return await withTimeout(DEADLINE_MS, late, read);
  } catch (error) {
    if (!(error instanceof CeleriacError)) throw error;
    if (!unread.some((one) => one.fact === fact)) unread.push({ fact, reason: error.message });
    return undefined;
  }
}
