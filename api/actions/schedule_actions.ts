/** Changes of one schedule on behalf of a request. */
import type { Context } from "hono";
import type { Signature } from "../../shared/celery/signature.ts";
import type { AcceptedTask } from "../../shared/outbox/publisher.ts";
import type { TaskRouter } from "../../shared/outbox/task_router.ts";
import { scheduledSubmission } from "../../shared/schedules/scheduled_submission.ts";
import type { ScheduleStore } from "../../shared/schedules/store.ts";
import type { StoredSchedule } from "../../shared/schedules/stored_schedule.ts";
import type { AuditCounter } from "../access/audit_counter.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import type { Caller } from "../access/caller.ts";
import { attributed, callerOf, requireSignature } from "../access/request_caller.ts";
import { isLabel } from "../http/label.ts";
import { Problem } from "../http/problem.ts";
import type { SubmissionRules } from "../submitting/submission.ts";
import type { Submitter } from "../submitting/submitter.ts";

/** The store of schedules. */
export type Schedules = Pick<
  ScheduleStore,
  "list" | "find" | "add" | "remove" | "pause" | "leader"
>;

/** Dependencies of {@linkcode ScheduleActions}. */
export interface ScheduleParts {
  readonly schedules: Schedules;
  readonly rules: SubmissionRules;
  readonly submitter: Submitter;
  /** Finds the queue of tasks that name none. */
  readonly routes: TaskRouter;
  readonly trail: AuditTrail;
  /** Counts accepted tasks for the audit log. */
  readonly counter: Pick<AuditCounter, "add">;
}

/** Finds, pauses, resumes, triggers and removes schedules. A schedule whose task the caller's patterns do not match does not exist for
 * it. */
export class ScheduleActions {
  readonly #parts: ScheduleParts;

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
  }

  /** Whether a caller's patterns match the task of a schedule. */
  isVisible(caller: Caller, { signature }: StoredSchedule): boolean {
    return caller.seesEverything ||
      caller.sees({ name: signature.task, queue: this.#parts.routes.queueOf(signature) });
  }

  /** @throws {Problem} `no-schedule` */
  async find(c: Context, name: string): Promise<StoredSchedule> {
    const schedule = isLabel(name) ? await this.#parts.schedules.find(name) : undefined;
    if (!schedule || !this.isVisible(callerOf(c), schedule)) throw noSchedule(name);
    return schedule;
  }

  /** Pauses or resumes a schedule.
   *
   * @throws {Problem} `no-schedule` */
  async pause(c: Context, name: string, paused: boolean): Promise<StoredSchedule> {
    const { schedules, trail } = this.#parts;
    await this.find(c, name);
    await trail.begin(c, { target: name });
    const schedule = await schedules.pause(name, paused);
    if (!schedule) throw noSchedule(name);
    return schedule;
  }

  /** @throws {Problem} `no-schedule`, or `schedule-in-code` */
  async remove(c: Context, name: string): Promise<void> {
    const { schedules, trail } = this.#parts;
    await this.find(c, name);
    await trail.begin(c, { target: name });
    if (await schedules.remove(name)) return;
    throw new Problem(
      "schedule-in-code",
      `Cannot remove schedule '${name}' because the app's contracts module defines it: remove it there, or pause it`,
    );
  }

  /** Submits the task of a schedule now.
   *
   * @param keyOf idempotency key of a submission. Default none
   * @throws {Problem} `no-schedule`, or `forbidden` */
  async trigger(
    c: Context,
    given: string,
    keyOf: (signature: Signature) => string | undefined = () => undefined,
  ): Promise<AcceptedTask> {
    const { routes, trail, rules, submitter, counter } = this.#parts;
    const { name, signature } = await this.find(c, given);
    const caller = callerOf(c);
    requireSignature(caller, signature, (one) => routes.queueOf(one));
    await trail.begin(c, { target: name });
    const submission = scheduledSubmission(name, signature, rules);
    const accepted = await submitter.submit({
      ...submission,
      signature: attributed(caller, submission.signature),
    }, { key: keyOf(submission.signature) });
    counter.add(caller, accepted.name);
    return accepted;
  }
}

function noSchedule(name: string): Problem {
  return new Problem(
    "no-schedule",
    `Cannot find schedule '${name.slice(0, 200)}': GET /v1/schedules lists all schedules`,
  );
}
