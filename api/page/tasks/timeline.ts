/** What happened to a task, in the order of time. Pure. */
import type { TaskRecord } from "../../../shared/results/result.ts";

/** One step of a task. */
export interface Step {
  readonly kind: "submitted" | "started" | "failed" | "waiting" | "running" | "next" | "finished";
  /** `null` for a step without an end yet. */
  readonly at: Date | null;
  /** Number of the attempt, from 1. */
  readonly attempt?: number;
  readonly worker?: string | null;
  /** Class and message of the error of a failed attempt. */
  readonly error?: { readonly type: string; readonly message: string } | null;
}

/** The steps of a task. Earlier attempts are those that the record's history still contains.
 *
 * @example
 * ```ts
 * import { timelineOf } from "./timeline.ts";
 * import { pendingRecord } from "../../reading/record.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const at = new Date("2026-11-30T09:00:00Z");
 * const record = { ...pendingRecord("a", at), submittedAt: at };
 * assertEquals(timelineOf(record).map(({ kind }) => kind), ["submitted", "waiting"]);
 * ```
 */
export function timelineOf(record: TaskRecord): Step[] {
  const { state, submittedAt, startedAt, finishedAt, worker, retries, history = [] } = record;
  const steps: Step[] = [];
  if (submittedAt !== null) steps.push({ kind: "submitted", at: submittedAt });
  for (const past of history) {
    const { attempt } = past;
    if (past.startedAt !== null) {
      steps.push({ kind: "started", at: past.startedAt, attempt, worker: past.worker });
    }
    steps.push({
      kind: "failed",
      at: past.finishedAt,
      attempt,
      worker: past.worker,
      error: past.error,
    });
  }
  const attempt = retries + 1;
  switch (state) {
    case "PENDING":
      return [...steps, { kind: "waiting", at: null }];
    case "RETRY":
      return [...steps, { kind: "next", at: null }];
    case "STARTED":
    case "PROGRESS":
      return [
        ...steps,
        { kind: "started", at: startedAt, attempt, worker },
        { kind: "running", at: null, attempt },
      ];
    case "SUCCESS":
    case "FAILURE":
    case "REVOKED":
      if (startedAt !== null) steps.push({ kind: "started", at: startedAt, attempt, worker });
      return [...steps, { kind: "finished", at: finishedAt }];
  }
}
