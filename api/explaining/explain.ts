/** Decides why a task does not run. Pure.
 * @module
 */
import { isFinal } from "../../shared/results/result.ts";
import type { StoredPause } from "../../shared/flow/pause_store.ts";
import type { StoredEntry } from "../../shared/outbox/outbox.ts";
import type { SurveyedWorker } from "../reading/worker_survey.ts";
import { type Reason, reason } from "./reason.ts";
import type { TaskFacts } from "./task_facts.ts";

/** Milliseconds: a message that is due within this time is about to be published. */
const SOON_MS = 500;

/** Maximum tasks that are named as evidence. */
const NAMED = 20;

/** The reasons, the most important one first. At least one.
 *
 * @example
 * ```ts
 * import { explain } from "./explain.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const facts = {
 *   now: new Date(), isYoung: false, record: undefined, messages: [], pauses: [], letter: undefined,
 *   broker: { state: "connected" as const }, maxAttempts: null, unread: [],
 * };
 * assertEquals(explain(facts), [{ code: "unknown-id", evidence: { recent: false } }]);
 * ```
 */
export function explain(facts: TaskFacts): Reason[] {
  for (const stage of STAGES) {
    const reasons = stage(facts);
    if (reasons.length > 0) return reasons;
  }
  return [reason("undetermined", { queue: queueOf(facts) })];
}

/** Whether the answer depends on the queue and its workers. */
export function needsQueueFacts(facts: TaskFacts): boolean {
  return [ended, deadLettered, inOutbox, inWorkflow, paused].every((stage) =>
    stage(facts).length === 0
  );
}

/** In this order; the first that gives reasons decides. */
const STAGES = [
  ended,
  running,
  deadLettered,
  inOutbox,
  inWorkflow,
  paused,
  inWorker,
  unknown,
  inQueue,
];

function ended({ record, letter }: TaskFacts): Reason[] {
  if (!record || !isFinal(record.state)) return [];
  const { state, finishedAt, exception } = record;
  if (state === "FAILURE" && letter) return letterReasons(letter);
  if (state === "REVOKED") {
    const [why] = exception?.exc_message ?? [];
    return why === "expired" ? [reason("expired", { expiredAt: finishedAt })] : [reason("revoked", {
      revokedAt: finishedAt,
      by: typeof why === "string" ? why : "revoked",
    })];
  }
  return [reason("finished", { state, finishedAt, error: exception?.exc_type ?? null })];
}

function running({ record, workers, held }: TaskFacts): Reason[] {
  const isStarted = record?.state === "STARTED" || record?.state === "PROGRESS";
  if (!isStarted && held?.standing !== "active") return [];
  const worker = (isStarted ? record.worker : undefined) ?? held?.worker ?? null;
  const active = workers?.find(({ name }) => name === worker)?.active
    .find(({ id }) => id === record?.id);
  return [reason("running", {
    worker,
    since: (isStarted ? record.startedAt : undefined) ?? active?.startedAt ?? null,
    attempt: (record?.retries ?? 0) + 1,
    replied: workers ? workers.some(({ name }) => name === worker) : null,
  })];
}

function deadLettered({ record, letter, messages }: TaskFacts): Reason[] {
  // After a redrive the letter is gone, but a letter of an earlier message may be left.
  const isCurrent = letter && messages.length === 0 && letter.retries >= (record?.retries ?? 0) &&
    (record === undefined || letter.collectedAt >= record.updatedAt);
  return isCurrent ? letterReasons(letter) : [];
}

function letterReasons(
  { id, reason: word, detail, diedAt, task, worker }: NonNullable<TaskFacts["letter"]>,
): Reason[] {
  const letter = reason("dead-lettered", { letter: id, reason: word, detail, diedAt });
  if (word === "invalid-input") {
    return [reason("input-refused", { letter: id, detail, diedAt }), letter];
  }
  if (word !== "unknown-task") return [letter];
  const workers = worker === null ? [] : [worker];
  return [
    reason("task-unknown", { task: task ?? "", workers, since: null, nextTryAt: null }),
    letter,
  ];
}

function inOutbox({ record, messages, now, broker, maxAttempts }: TaskFacts): Reason[] {
  const [message] = messages.filter(({ holder }) => holder === null);
  if (!message || waitsForResume(message)) return [];
  const waitMs = message.dueAt.getTime() - now.getTime();
  if (message.unknownSince) {
    return [reason("task-unknown", {
      task: record?.name ?? "",
      workers: [],
      since: message.unknownSince,
      nextTryAt: waitMs > 0 ? message.dueAt : null,
    })];
  }
  const isRefused = message.attempts > 0 || message.lastError !== null;
  if (waitMs > SOON_MS && !message.offered && !isRefused) {
    return [reason("not-due", {
      dueAt: message.dueAt,
      seconds: seconds(waitMs),
      attempt: message.retries + 1,
      maxAttempts,
    })];
  }
  return [reason("in-outbox", {
    seconds: seconds(now.getTime() - since(message)),
    broker: broker.state,
    brokerReason: broker.reason ?? null,
    attempts: message.attempts,
    lastError: message.lastError,
    nextTryAt: waitMs > 0 ? message.dueAt : null,
  })];
}

/** When a message became due: a relay that offers it, or puts it back, changes its due time. */
function since({ dueAt, offered, attempts, storedAt }: StoredEntry): number {
  return (offered || attempts > 0 ? storedAt : dueAt).getTime();
}

/** A message that waits for the end of a pause, or a task in the queue while the queue or the task itself is paused. */
function paused(facts: TaskFacts): Reason[] {
  const { messages, pauses } = facts;
  if (running(facts).length > 0) return [];
  const names = { queue: queueOf(facts), task: nameOf(facts) };
  const isParked = messages.some(waitsForResume);
  return pauses.filter(({ scope, name, resumedAt }) =>
    (isParked || resumedAt === null) && names[scope] === name
  ).map(pauseReason);
}

/** Parked messages are due in the year 9999 (migration 34). */
function waitsForResume({ dueAt }: StoredEntry): boolean {
  return dueAt.getUTCFullYear() >= 9999;
}

function pauseReason({ scope, name, reason: why, pausedAt, resumedAt, rate }: StoredPause): Reason {
  return reason("paused", { scope, name, why, pausedAt, resumedAt, rate });
}

function inWorker(facts: TaskFacts): Reason[] {
  const { record, held, workers = [], now, maxAttempts } = facts;
  if (!held || held.standing === "active") return [];
  const holder = workers.find(({ name }) => name === held.worker);
  const limit = holder?.registered.get(nameOf(facts) ?? "") ?? null;
  if (held.standing === "reserved") {
    return [reason("workers-full", {
      queue: queueOf(facts) ?? "",
      workers: holder ? [occupancy(holder)] : [],
      heldBy: held.worker,
    })];
  }
  if (limit !== null) return [reason("rate-limited", { worker: held.worker, limit })];
  // A worker keeps a task that is due within a second.
  const dueAt = new Date(now.getTime() + 1000);
  const attempt = (record?.retries ?? 0) + 1;
  return [reason("not-due", { dueAt, seconds: 1, attempt, maxAttempts })];
}

function unknown({ record, messages, member, isYoung }: TaskFacts): Reason[] {
  if (record || messages.length > 0 || member) return [];
  return [reason("unknown-id", { recent: isYoung })];
}

function inWorkflow({ member }: TaskFacts): Reason[] {
  if (!member || member.pending.length === 0) return [];
  const { workflow, pending } = member;
  return [reason("waiting-for-members", {
    workflow,
    count: pending.length,
    tasks: pending.slice(0, NAMED),
  })];
}

function inQueue(facts: TaskFacts): Reason[] {
  const { measure, workers } = facts;
  const queue = queueOf(facts);
  if (queue === null) return [];
  if (measure === "missing") return [reason("queue-missing", { queue })];
  const consuming = workers?.filter(({ queues }) => queues.includes(queue));
  if (measure?.consumers === 0) return [reason("no-consumer", { queue, ready: measure.ready })];
  const reasons = consuming ? workerReasons(nameOf(facts), queue, consuming) : [];
  if (measure && measure.ready > 0) {
    const { ready } = measure;
    const perSecond = facts.perSecond ?? null;
    const estimate = perSecond === null ? null : Math.ceil(ready / perSecond);
    reasons.push(reason("behind-others", { queue, ready, perSecond, seconds: estimate }));
  }
  if (reasons.length > 0 || !measure || !consuming) return reasons;
  const { consumers } = measure;
  return [reason("message-not-found", { queue, consumers, replies: consuming.length })];
}

/** The queue of the task; `null` if unknown. */
export function queueOf({ record, member }: TaskFacts): string | null {
  return record?.queue ?? member?.queue ?? null;
}

/** The name of the task; `null` if unknown. */
export function nameOf({ record, member }: TaskFacts): string | null {
  return record?.name ?? member?.name ?? null;
}

function workerReasons(
  task: string | null,
  queue: string,
  consuming: readonly SurveyedWorker[],
): Reason[] {
  if (consuming.length === 0) return [];
  const reasons: Reason[] = [];
  if (task !== null && consuming.every(({ registered }) => !registered.has(task))) {
    const workers = consuming.map(({ name }) => name).slice(0, NAMED);
    reasons.push(reason("task-unknown", { task, workers, since: null, nextTryAt: null }));
  }
  const isFull = ({ active, concurrency }: SurveyedWorker) =>
    concurrency !== null && active.length >= concurrency;
  if (consuming.every(isFull)) {
    const workers = consuming.map(occupancy).slice(0, NAMED);
    reasons.push(reason("workers-full", { queue, workers, heldBy: null }));
  }
  return reasons;
}

function occupancy({ name, active, concurrency }: SurveyedWorker) {
  return { worker: name, running: active.length, concurrency };
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 100) / 10);
}
