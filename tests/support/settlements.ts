/** Settlements and outbox entries for tests. */
import { v4 } from "uuid";
import type { Message } from "../../shared/broker/message.ts";
import { dueOf, type OutboxEntry } from "../../shared/outbox/outbox.ts";
import type { PendingTask, Settlement } from "../../shared/results/result.ts";

/** A settlement of task `add`. Default: a success. */
export function settlement(given: Partial<Settlement> = {}): Settlement {
  return {
    id: v4(),
    name: "add",
    queue: "celeriac.default",
    worker: "celeriac@test-1",
    state: "SUCCESS",
    argsRepr: "()",
    kwargsRepr: "{'x': 1, 'y': 2}",
    result: given.state === undefined || given.state === "SUCCESS" ? "3" : null,
    exception: null,
    traceback: null,
    retries: 0,
    startedAt: null,
    next: null,
    ...given,
  };
}

/** A submission of task `add`. */
export function submission(given: Partial<PendingTask> = {}): PendingTask {
  return {
    id: v4(),
    name: "add",
    queue: "celeriac.default",
    argsRepr: "()",
    kwargsRepr: "{'x': 1, 'y': 2}",
    submittedAt: new Date(),
    ...given,
  };
}

/** A message for a test queue. */
export function message(given: Partial<Message> = {}): Message {
  return {
    exchange: "celeriac",
    routingKey: "celeriac.default",
    properties: { contentType: "application/json", contentEncoding: "utf-8" },
    headers: { id: "1", task: "add" },
    body: new TextEncoder().encode("[[], {}, {}]"),
    ...given,
  };
}

/** Options of an entry: a time instead of {@linkcode OutboxEntry.due}. */
export type GivenEntry = Partial<Omit<OutboxEntry, "due">> & { dueAt?: Date };

/** An outbox entry that is due. */
export function entry(taskId: string, { dueAt, ...given }: GivenEntry = {}): OutboxEntry {
  const now = new Date();
  const due = dueOf(dueAt ?? new Date(now.getTime() - 1000), now);
  return { taskId, retries: 0, due, message: message(), ...given };
}
