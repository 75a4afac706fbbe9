/** What a worker does once a record is final: whatever follows the task, and the reply to whoever asked for one.
 *
 * All of it comes after the record and before the ack, and may come again.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../../shared/broker/broker.ts";
import type { Canvas } from "../../shared/celery/canvas_tree.ts";
import type { ResultTuple } from "../../shared/celery/dispatch.ts";
import { isFollowed } from "../../shared/celery/following.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { replyMessage } from "../../shared/celery/result.ts";
import { isFinal, type Settlement } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import {
  type Final,
  type FollowUps,
  isPassing,
  type LostRecord,
} from "../../shared/workflows/follow_ups.ts";
import type { DeliveryResult } from "./delivery_result.ts";

/** Pause before what neither broker nor database could take is tried again. */
const RETRY_PAUSE_MS = 500;

/** What a follower works with. */
export interface FollowerOptions {
  readonly broker: Pick<Broker, "publish">;
  readonly followUps: FollowUps;
  readonly store: Pick<ResultStore, "find">;
  readonly node: string;
}

/** Sends what follows a run. */
export class Follower {
  readonly #options: FollowerOptions;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Results of what a success will start. */
  children(task: DeliveryResult["task"], result: string): readonly ResultTuple[] {
    return task ? this.#options.followUps.children(task, result) : [];
  }

  /** Resolves when all that follows is durable. Waits as long as broker and database are away, unless the delivery's channel goes:
   * then its message comes again, and all of this with it.
   *
   * @throws {ChannelGone} then */
  async follow(run: DeliveryResult, final: Final): Promise<void> {
    this.#reply(run, final);
    const { task } = run;
    if (!task || !isFollowed(task.embed)) return;
    await this.#persist(run, () => this.#options.followUps.after(task, final));
  }

  /** Sends what takes the place of a task, as {@linkcode follow} sends what follows.
   *
   * @throws {ChannelGone} */
  async replace(run: DeliveryResult & { task: TaskMessage }, canvas: Canvas): Promise<void> {
    await this.#persist(run, () => this.#options.followUps.replace(run.task, canvas));
  }

  async #persist({ id, delivery }: DeliveryResult, send: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await send();
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (!delivery.open) throw new ChannelGone(error);
        logger.warn("What follows task {id} waits: {error}", { id, error });
        await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
      }
    }
  }

  /** Goes on with the stored state of a task that was final before this delivery came. */
  async followKnown(run: DeliveryResult): Promise<void> {
    const { task } = run;
    if (!task?.replyTo && !(task && isFollowed(task.embed))) return;
    const record = await this.#options.store.find(task.id);
    if (record && isFinal(record.state)) await this.follow(run, record);
  }

  /** Not awaited: the caller may be gone (Celery names a reply queue in every message), and the record has the result. */
  #reply({ task, queue, deliveries, startedAt }: DeliveryResult, final: Final): void {
    if (!task?.replyTo) return;
    const meta = {
      id: task.id,
      state: final.state,
      result: final.result ?? null,
      exception: final.exception ?? null,
      traceback: final.traceback ?? null,
      children: final.children ?? [],
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
}

/** The delivery's channel went while what follows could not be sent. Caught by the worker: the message comes again. */
export class ChannelGone extends Error {
  override readonly name = "ChannelGone";

  constructor(cause: unknown) {
    super("What follows could not be sent before the channel went", { cause });
  }
}

/** Makes records final of tasks that never ran. */
export async function loseWith(
  writer: { settle(settlement: Settlement): Promise<boolean> },
  records: readonly LostRecord[],
  worker: string,
): Promise<void> {
  await Promise.all(records.map((record) =>
    writer.settle({
      ...record,
      queue: null,
      worker,
      argsRepr: null,
      kwargsRepr: null,
      result: null,
      retries: 0,
      startedAt: null,
      next: null,
    })
  ));
}

const logger = getLogger(["celeriac", "worker"]);
