/** Settles outcomes in a fixed order: record, follow-ups, acknowledgement.
 *
 * If the process dies in between, the message is redelivered:
 *
 * - before the record: the task runs again, because delivery is at least once;
 * - after the record, before the follow-ups: the record is final, so the task does not run again, and the follow-ups are sent;
 * - after the follow-ups, before the acknowledgement: the follow-ups are sent twice, with the same ids.
 *
 * A rejected message is the exception: its dead letter is published before the record is final. Otherwise a crash in between would leave no
 * copy of the message.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../../shared/broker/broker.ts";
import { type Clock, SYSTEM_CLOCK } from "../../shared/runtime/clock.ts";
import { isFollowed } from "../../shared/celery/following.ts";
import { encodeException, pythonRepr, revoked } from "../../shared/celery/exception.ts";
import type { RetryChanges } from "../../shared/celery/message.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { InvalidInput } from "../../shared/errors.ts";
import type { Events } from "../../shared/telemetry/events.ts";
import type { Outcome } from "./outcome.ts";
import { dueOf, type OutboxEntry } from "../../shared/outbox/outbox.ts";
import type { ParkedEntry } from "../../shared/flow/pause_store.ts";
import { isUnstorable } from "../../shared/results/retry_forever.ts";
import type { Settlement } from "../../shared/results/result.ts";
import type { Follower } from "./follower.ts";
import { requeuedMessage } from "./requeued_message.ts";
import type { DeliveryResult } from "./delivery_result.ts";
import { deadLetter } from "./dead_lettering.ts";
import { type Recorded, settlementOf, type SettlementOptions } from "./settlement.ts";

/** Dependencies of a {@linkcode Settler}. */
export interface SettlerOptions extends SettlementOptions {
  readonly broker: Broker;
  readonly writer: { settle(settlement: Settlement): Promise<boolean> };
  readonly outbox: { add(entries: readonly OutboxEntry[]): Promise<unknown> };
  /** Stores messages until their pauses end. */
  readonly parking: { park(entry: ParkedEntry): Promise<void> };
  readonly follower: Follower;
  readonly events: Events;
  /** Default: the system clock. */
  readonly clock?: Clock;
}

type OutcomeOf<Kind extends Outcome["kind"]> = Extract<Outcome, { kind: Kind }>;

/** Settles the results of deliveries. */
export class Settler {
  readonly #options: SettlerOptions;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Settles a result. Resolves when the delivery is acknowledged. Waits while the database or the broker is unavailable. */
  settle(run: DeliveryResult): Promise<void> {
    const { outcome } = run;
    switch (outcome.kind) {
      case "success":
        return this.#succeed(run, outcome);
      case "failure":
        return this.#finish(run, { state: "FAILURE", ...outcome.error });
      case "revoked":
        return this.#finish(run, { state: "REVOKED", exception: revoked(outcome.why) });
      case "retry":
        return this.#again(run, outcome);
      case "replace":
        return this.#replace(run, outcome);
      case "reject":
        return this.#deadLetter(run, outcome);
      case "defer":
        return this.#putOff(run, outcome);
      case "pause":
        return this.#park(run, outcome);
      case "known":
        return this.#answer(run, undefined);
      default:
        return outcome satisfies never;
    }
  }

  #succeed(run: DeliveryResult, { result, stored }: OutcomeOf<"success">): Promise<void> {
    if (stored) return this.#answer(run, { state: "SUCCESS", result });
    const children = this.#options.follower.children(run.task, result);
    return this.#finish(run, { state: "SUCCESS", result, children });
  }

  /** Stores a final state, then sends the follow-ups, acknowledges and emits the event. */
  async #finish(run: DeliveryResult, recorded: Recorded): Promise<void> {
    await this.#answer(run, await this.#store(run, recorded));
  }

  /** Sends the replacement, which takes over the task's id and record. */
  async #replace(run: DeliveryResult, { canvas }: OutcomeOf<"replace">): Promise<void> {
    const { task } = run;
    if (!task) throw new TypeError("a message without a task cannot be replaced");
    await this.#options.follower.replace({ ...run, task }, canvas);
    run.delivery.ack();
  }

  /** Sends the follow-ups, acknowledges and emits the event.
   *
   * @param stored `undefined` if another attempt had stored its state first. It may have died before it sent the follow-ups, so they are sent
   * here again */
  async #answer(run: DeliveryResult, stored: Recorded | undefined): Promise<void> {
    const following = this.#follow(run, stored);
    if (following) await following;
    run.delivery.ack();
    if (stored) this.#emit(run, stored);
  }

  /** If another final state was stored first (for example because the task was revoked), the follow-ups are those of that state. */
  #follow(run: DeliveryResult, stored: Recorded | undefined): Promise<void> | undefined {
    const { follower } = this.#options;
    return stored ? follower.follow(run, stored) : follower.followKnown(run);
  }

  #now(): Date {
    return (this.#options.clock ?? SYSTEM_CLOCK).now();
  }

  /** Schedules another attempt: the RETRY record and the outbox message are stored in one transaction. */
  async #again(run: DeliveryResult, { error, delay }: OutcomeOf<"retry">): Promise<void> {
    if (!run.task) throw new TypeError("a message without a task cannot be tried again");
    const now = this.#now();
    const eta = new Date(now.getTime() + delay * 1000);
    const next = copyOf(run, run.task, eta, { now, retries: run.task.retries + 1, eta });
    if ("kind" in next) return await this.#deadLetter(run, next);
    if (!keepsRecord(run)) await this.#options.outbox.add([next]);
    else if (!await this.#store(run, { state: "RETRY", ...error, next })) {
      return await this.#answer(run, undefined);
    }
    run.delivery.ack();
    this.#options.events.emit({
      type: "task-retried",
      id: run.task.id,
      name: run.task.task,
      exception: pythonRepr(error.exception),
      traceback: error.traceback,
      delay,
    });
  }

  async #deadLetter(run: DeliveryResult, { reason, error }: OutcomeOf<"reject">): Promise<void> {
    const detail = pythonRepr(error.exception);
    const { broker, node } = this.#options;
    const grounds = { reason, detail, worker: node, diedAt: new Date() };
    const became = await deadLetter(broker, run, grounds);
    if (became === "gone") return;
    if (run.id !== null) {
      await this.#follow(run, await this.#store(run, { state: "FAILURE", ...error }));
    }
    if (became === "copied") run.delivery.ack();
    const name = run.task?.task ?? null;
    this.#options.events.emit({ type: "task-rejected", id: run.id, name, reason, message: detail });
  }

  async #putOff(run: DeliveryResult, deferred: OutcomeOf<"defer">): Promise<void> {
    if (!run.task) throw new TypeError("a message without a task cannot be deferred");
    const { id, task, retries, eta } = run.task;
    const { why, until } = deferred;
    const next = copyOf(run, run.task, until, {
      now: this.#now(),
      retries,
      eta: why === "parked" ? eta : until,
      ...(why === "unknown" && { unknownSince: deferred.since }),
      ...((why === "duplicate" || why === "parked") && { redelivered: deferred.redelivered }),
    });
    if ("kind" in next) return await this.#deadLetter(run, next);
    await this.#options.outbox.add([next]);
    run.delivery.ack();
    this.#options.events.emit({ type: "task-deferred", id, name: task, until, why });
  }

  /** Stores the message until the pause ends. */
  async #park(run: DeliveryResult, { pause, redelivered }: OutcomeOf<"pause">): Promise<void> {
    if (!run.task) throw new TypeError("a message without a task cannot be parked");
    const { id, task, retries, eta } = run.task;
    const now = this.#now();
    const next = copyOf(run, run.task, now, { now, retries, eta, redelivered });
    if ("kind" in next) return await this.#deadLetter(run, next);
    await this.#options.parking.park({ ...next, pause });
    run.delivery.ack();
    this.#options.events.emit({
      type: "task-deferred",
      id,
      name: task,
      until: null,
      why: "paused",
    });
  }

  /** @returns the stored state; `undefined` if another final state was stored first */
  async #store(run: DeliveryResult, recorded: Recorded): Promise<Recorded | undefined> {
    if (!keepsRecord(run)) return await this.#unrecorded(run, recorded);
    try {
      return await this.#options.writer.settle(this.#settlement(run, recorded))
        ? recorded
        : undefined;
    } catch (error) {
      // The database refuses this row (the writer waits for an unavailable database): store the error instead.
      logger.error("The database refused the record of task {id}: {error}", { id: run.id, error });
      const refused: Recorded = { state: "FAILURE", exception: encodeException(error) };
      return await this.#storeInstead(run, refused, recorded);
    }
  }

  /** @returns `recorded` if no row with this id can be stored: the task continues as with an ignored result, because the message would be
   * redelivered forever otherwise */
  async #storeInstead(run: DeliveryResult, refused: Recorded, recorded: Recorded) {
    try {
      const taken = await this.#options.writer.settle(this.#settlement(run, refused));
      return taken ? refused : undefined;
    } catch (error) {
      if (!isUnstorable(error)) throw error;
      logger.error("Task {id} has no record because none can be stored: {error}", {
        id: run.id,
        error,
      });
      if (recorded.next) await this.#options.outbox.add([recorded.next]);
      return await this.#unrecorded(run, recorded);
    }
  }

  /** Without a record, the events are stored before the acknowledgement. A repeated run emits the same ones. */
  async #unrecorded({ sent }: DeliveryResult, recorded: Recorded): Promise<Recorded> {
    if (recorded.state === "SUCCESS" && sent) await this.#options.outbox.add(sent.events);
    return recorded;
  }

  #settlement(run: DeliveryResult, recorded: Recorded): Settlement {
    const kept = run.ignoreResult && !isFollowedRun(run) ? { ...recorded, result: null } : recorded;
    return settlementOf({ ...run, id: run.id! }, kept, this.#options);
  }

  #emit(run: DeliveryResult, { state, result, exception, traceback = null }: Recorded): void {
    const { events } = this.#options;
    const id = run.id!;
    const name = run.task?.task ?? "";
    if (state === "SUCCESS") {
      events.emit({
        type: "task-succeeded",
        id,
        name,
        result: result ?? "null",
        runtime: run.runtime ?? 0,
      });
    } else if (state === "REVOKED") {
      const why = run.outcome.kind === "revoked" ? run.outcome.why : "revoked";
      events.emit({
        type: "task-revoked",
        id,
        name,
        expired: why === "expired",
        terminated: why === "terminated",
      });
    } else if (exception) {
      events.emit({
        type: "task-failed",
        id,
        name,
        exception: pythonRepr(exception),
        traceback,
        runtime: run.runtime,
      });
    }
  }
}

/** An existing record becomes final even if results are ignored. */
function keepsRecord({ ignoreResult, hasRecord }: DeliveryResult): boolean {
  return !ignoreResult || hasRecord;
}

/** Whether follow-ups need the stored result, in case of a crash before they are sent. */
function isFollowedRun({ task }: DeliveryResult): boolean {
  return task !== null && isFollowed(task.embed);
}

/** The outbox entry with a copy of the message; or the outcome if the message cannot be sent again. */
function copyOf(
  { delivery, queue }: DeliveryResult,
  { id }: TaskMessage,
  dueAt: Date,
  changes: Omit<RetryChanges, "queue">,
): OutboxEntry | OutcomeOf<"reject"> {
  try {
    const message = requeuedMessage(delivery, queue, changes);
    return { taskId: id, retries: changes.retries, due: dueOf(dueAt, changes.now), message };
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const failure = { exception: encodeException(error), traceback: null };
    return { kind: "reject", reason: "unsendable", error: failure };
  }
}

const logger = getLogger(["celeriac", "worker"]);
