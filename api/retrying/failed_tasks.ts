/** Sends failed tasks again under their ids, from the input that their records keep. */
import type { Database } from "../../shared/database/database.ts";
import type { Outbox } from "../../shared/outbox/outbox.ts";
import { prepareTask } from "../../shared/outbox/prepared_task.ts";
import type { RoutedSignature } from "../../shared/outbox/submission.ts";
import type { IdentifiedSignature } from "../../shared/celery/message.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import { type Clock, SYSTEM_CLOCK } from "../../shared/runtime/clock.ts";

/** Dependencies of {@linkcode FailedTasks}. */
export interface FailedTasksOptions {
  readonly database: Pick<Database, "transaction">;
  readonly outbox: Pick<Outbox, "addFresh">;
  readonly store: Pick<ResultStore, "reopen">;
  /** The sender, for the header `origin`. */
  readonly origin: string;
  /** Called after a commit: messages are due. */
  added?(): void;
  /** Default: this machine's clock. */
  readonly clock?: Clock;
}

/** A failed task with its original message, as far as its record has it. */
export type FailedTask = RoutedSignature & IdentifiedSignature;

const DELETE_CRASHES = "delete from celeriac.crash where task_id = any($1::text[])";

/** Reopens FAILURE records and sends their messages. */
export class FailedTasks {
  readonly #options: FailedTasksOptions;

  constructor(options: FailedTasksOptions) {
    this.#options = options;
  }

  /** Sends tasks whose records are FAILURE. One transaction sets the records to PENDING, moves the messages to the outbox, and deletes the
   * records of worker crashes that they caused.
   *
   * The record comes first: its lock makes a second retry wait, which then finds that the record is no longer FAILURE.
   *
   * @returns ids of the tasks that are sent
   * @throws {InvalidInput} when a message would be too large
   * @throws {DatabaseUnavailable} */
  async send(tasks: readonly FailedTask[]): Promise<ReadonlySet<string>> {
    if (tasks.length === 0) return new Set();
    const { database, outbox, store, origin, clock = SYSTEM_CLOCK } = this.#options;
    const now = clock.now();
    const entries = tasks.map((task) => prepareTask(task, { origin, now }).entry);
    const sent = await database.transaction(async (sql) => {
      const reopened = new Set(
        await store.reopen(entries.map(({ taskId, retries }) => ({ id: taskId, retries })), sql),
      );
      const open = entries.filter(({ taskId }) => reopened.has(taskId));
      await outbox.addFresh(open, sql);
      await sql.query(DELETE_CRASHES, [[...reopened]]);
      return reopened;
    });
    if (sent.size > 0) this.#options.added?.();
    return sent;
  }
}
