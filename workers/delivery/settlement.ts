/** Builds the settlement of a run: the change to its record. */
import { submitterOf } from "../../shared/results/submitter_header.ts";
import { labelsOf } from "../../shared/results/labels.ts";
import type { ResultTuple } from "../../shared/celery/dispatch.ts";
import type { ExceptionMeta } from "../../shared/celery/exception.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import type { OutboxEntry } from "../../shared/outbox/outbox.ts";
import type { Lineage, Meta, Settlement, State } from "../../shared/results/result.ts";
import type { InputKeeper } from "./input_keeper.ts";
import type { TaskSubmissions } from "../running/task_submissions.ts";

/** Header that names the schedule which sent a task (django_celery_beat/schedulers.py). */
const SCHEDULE_HEADER = "periodic_task_name";

/** The run that a record describes. */
export interface Recordable {
  /** `null` if the message could not be decoded. */
  readonly task: TaskMessage | null;
  readonly id: string;
  readonly queue: string;
  readonly startedAt: Date | null;
  readonly meta?: Meta;
  /** Whether the record has no result, and so no input. Default `false`. */
  readonly ignoreResult?: boolean;
  readonly sent?: Pick<TaskSubmissions, "children" | "events">;
}

/** The state to record, and its data. */
export interface Recorded {
  readonly state: Exclude<State, "PENDING">;
  readonly result?: string | null;
  readonly exception?: ExceptionMeta;
  readonly traceback?: string | null;
  readonly children?: readonly ResultTuple[];
  readonly next?: OutboxEntry;
}

/** What a worker adds to its settlements. */
export interface SettlementOptions {
  /** Node name of the worker. */
  readonly node: string;
  /** Keeps inputs. Default: none is kept. */
  readonly inputs?: Pick<InputKeeper, "keep">;
}

/** `version-trace-span-flags`. */
const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}/;

/** Builds a settlement.
 *
 * @param options the worker */
export function settlementOf(
  { task, id, queue, startedAt, meta, sent, ignoreResult }: Recordable,
  recorded: Recorded,
  { node, inputs }: SettlementOptions,
): Settlement {
  const schedule = task?.headers[SCHEDULE_HEADER];
  const submitted = sent?.children ?? [];
  const children = submitted.length > 0
    ? [...submitted, ...recorded.children ?? []]
    : recorded.children;
  const events = recorded.state === "SUCCESS" ? sent?.events ?? [] : [];
  const submittedBy = submitterOf(task?.headers);
  const labels = labelsOf(task?.stamps);
  const lineage = task ? lineageOf(task) : undefined;
  const input = task && !ignoreResult ? inputs?.keep(task, recorded.state) : undefined;
  return {
    id,
    name: task?.task ?? "",
    queue,
    worker: node,
    state: recorded.state,
    argsRepr: task?.argsRepr ?? null,
    kwargsRepr: task?.kwargsRepr ?? null,
    ...(input !== undefined && { input }),
    result: recorded.result ?? null,
    exception: recorded.exception ?? null,
    traceback: recorded.traceback ?? null,
    ...(children && { children }),
    ...(meta && { meta }),
    ...(lineage && { lineage }),
    ...(labels && { labels }),
    ...(submittedBy !== undefined && { submittedBy }),
    ...(typeof schedule === "string" && { periodicTaskName: schedule }),
    retries: recorded.next?.retries ?? task?.retries ?? 0,
    startedAt,
    next: recorded.next ?? null,
    ...(events.length > 0 && { events }),
  };
}

/** The lineage of a task. Celery names a task as its own parent in the message of a retry.
 *
 * @example
 * ```ts
 * import { lineageOf } from "./settlement.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
 * const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
 * const task = { id: "c", parentId: "b", rootId: "a", headers };
 * assertEquals(lineageOf(task), { parent: "b", root: "a", trace });
 * assertEquals(lineageOf({ id: "a", parentId: "a", rootId: "a", headers: {} }), undefined);
 * ```
 */
export function lineageOf(
  { id, parentId, rootId, headers }: Pick<TaskMessage, "id" | "parentId" | "rootId" | "headers">,
): Lineage | undefined {
  const { traceparent } = headers;
  const hasParent = parentId !== null && parentId !== id;
  const trace = typeof traceparent === "string" ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
  if (!hasParent && rootId === id && trace === undefined) return undefined;
  return {
    ...(hasParent && { parent: parentId }),
    ...(rootId !== id && { root: rootId }),
    ...(trace !== undefined && { trace }),
  };
}
