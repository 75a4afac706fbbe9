/** Sends follow-up tasks and replies once a record is final.
 *
 * This happens after the record is stored and before the delivery is acknowledged, so it may happen more than once.
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
  isTransient,
  type LostRecord,
} from "../../shared/workflows/follow_ups.ts";
import { pause } from "../../shared/runtime/waits.ts";
import type { DeliveryResult } from "./delivery_result.ts";

/** Milliseconds before the next try when broker and database are both unavailable. */
const RETRY_PAUSE_MS = 500;

/** Dependencies of a {@linkcode Follower}. */
export interface FollowerOptions {
  readonly broker: Pick<Broker, "publish">;
  readonly followUps: FollowUps;
  readonly store: Pick<ResultStore, "find">;
  readonly node: string;
}

/** Sends the follow-ups of tasks. */
export class Follower {
  readonly #options: FollowerOptions;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** References to the tasks that a success will start. */
  children(task: DeliveryResult["task"], result: string): readonly ResultTuple[] {
    return task ? this.#options.followUps.children(task, result) : [];
  }

  /** Sends the follow-ups of a final task. Resolves when they are durable. Waits while broker and database are unavailable.
   *
   * @returns `undefined` if there are none
   * @throws {ChannelGone} if the delivery's channel closes while it waits: the message is redelivered, and this is tried again */
  follow(run: DeliveryResult, final: Final): Promise<void> | undefined {
    this.#reply(run, final);
    const { task } = run;
    if (!task || !isFollowed(task.embed)) return undefined;
    return this.#persist(run, () => this.#options.followUps.after(task, final));
  }

  /** Sends the work that replaces a task. Waits as {@linkcode follow} does.
   *
   * @throws {ChannelGone} as {@linkcode follow} */
  async replace(run: DeliveryResult & { task: TaskMessage }, canvas: Canvas): Promise<void> {
    await this.#persist(run, () => this.#options.followUps.replace(run.task, canvas));
  }

  async #persist({ id, delivery }: DeliveryResult, send: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await send();
      } catch (error) {
        if (!isTransient(error)) throw error;
        if (!delivery.open) throw new ChannelGone(error);
        logger.warn("Cannot send the follow-ups of task {id} yet: {error}", { id, error });
        await pause(RETRY_PAUSE_MS);
      }
    }
  }

  /** Sends the follow-ups of a task whose record was already final when the delivery arrived. */
  async followKnown(run: DeliveryResult): Promise<void> {
    const { task } = run;
    if (!task?.replyTo && !(task && isFollowed(task.embed))) return;
    const record = await this.#options.store.find(task.id);
    if (record && isFinal(record.state)) await this.follow(run, record);
  }

  /** Not awaited: the caller may be gone (Celery sets a reply queue in every message), and the record has the result. */
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
      logger.debug("Cannot send the reply of task {id}: {error}", { id: task.id, error })
    );
  }
}

/** The delivery's channel closed before the follow-ups could be sent. The worker catches it; the message is redelivered. */
export class ChannelGone extends Error {
  override readonly name = "ChannelGone";

  constructor(cause: unknown) {
    super("Cannot send follow-ups because the delivery's channel is closed", { cause });
  }
}

/** Stores final records for tasks that can never run. */
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
