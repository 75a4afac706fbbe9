/** What follows a final state: for now the reply to whoever asked for one. */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../shared/broker/broker.ts";
import type { ExceptionMeta } from "../shared/celery/exception.ts";
import { replyMessage } from "../shared/celery/result.ts";
import { isFinal, type TaskRecord } from "../shared/results/result.ts";
import type { Run } from "./run.ts";

/** A final state, as far as followers care. */
export interface Final {
  readonly state: string;
  readonly result?: string | null;
  readonly exception?: ExceptionMeta | null;
  readonly traceback?: string | null;
}

/** What a follower works with. */
export interface FollowerOptions {
  readonly broker: Broker;
  readonly store: { find(id: string): Promise<TaskRecord | undefined> };
  readonly node: string;
}

/** Publishes what follows a run. */
export class Follower {
  readonly #options: FollowerOptions;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Replies. Not awaited: the caller may be gone (Celery names a reply queue in every message), and the record has the result. */
  follow({ task, queue, deliveries, startedAt }: Run, final: Final): void {
    if (!task?.replyTo) return;
    const meta = {
      id: task.id,
      state: final.state,
      result: final.result ?? null,
      exception: final.exception ?? null,
      traceback: final.traceback ?? null,
      finishedAt: new Date(),
      groupId: task.group,
      parentId: task.parentId,
      run: { worker: this.#options.node, retries: task.retries, queue, deliveries, startedAt },
    };
    const reply = replyMessage(meta, { replyTo: task.replyTo, correlationId: task.correlationId });
    this.#options.broker.publish(reply, { mandatory: false }).catch((error) =>
      logger.debug("Reply of task {id} was not sent: {error}", { id: task.id, error })
    );
  }

  /** Goes on with the stored state of a task that was final before this delivery came. */
  async followKnown(run: Run): Promise<void> {
    if (!run.task?.replyTo) return;
    const record = await this.#options.store.find(run.task.id);
    if (record && isFinal(record.state)) this.follow(run, record);
  }
}

const logger = getLogger(["celeriac", "worker"]);
