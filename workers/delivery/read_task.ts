/** The task of a message, or what is wrong with the message. */
import type { Message } from "../../shared/broker/message.ts";
import { checkEmbed, isFollowed } from "../../shared/celery/following.ts";
import { decodeTask } from "../../shared/celery/decode.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { isXz, withoutXz } from "../../shared/celery/xz.ts";
import { ContentTypeRefused, Malformed } from "../../shared/errors.ts";
import type { HeldDelivery } from "./held_delivery.ts";
import type { DeliveryResult } from "./delivery_result.ts";
import { failureOf } from "./outcomes.ts";

/** Reads a message, with what follows its task.
 *
 * @returns a promise only where the body has to be decompressed with xz */
export function readTask(
  message: Message,
): TaskMessage | Malformed | Promise<TaskMessage | Malformed> {
  return isXz(message) ? readXz(message) : read(message);
}

async function readXz(message: Message): Promise<TaskMessage | Malformed> {
  try {
    return read(await withoutXz(message));
  } catch (error) {
    if (error instanceof Malformed) return error;
    throw error;
  }
}

function read(message: Message): TaskMessage | Malformed {
  let id: string | undefined;
  try {
    const task = decodeTask(message);
    id = task.id;
    if (isFollowed(task.embed)) checkEmbed(task.embed);
    return task;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return error.id === undefined && id !== undefined
      ? new Malformed(error.message, id, { cause: error })
      : error;
  }
}

/** What a delivery leads to whose task cannot be read. */
export function unreadable(
  delivery: HeldDelivery,
  queue: string,
  error: Malformed,
): DeliveryResult {
  const reason = error instanceof ContentTypeRefused ? "content-type" : "malformed";
  return {
    delivery,
    queue,
    task: null,
    id: error.id ?? null,
    outcome: { kind: "reject", reason, error: failureOf(error) },
    ignoreResult: false,
    hasRecord: false,
    deliveries: 1,
    startedAt: null,
    runtime: null,
  };
}
