/** Decodes the task of a message. */
import type { Message } from "../../shared/broker/message.ts";
import { checkEmbed, isFollowed } from "../../shared/celery/following.ts";
import { decodeTask } from "../../shared/celery/decode.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { isXz, withoutXz } from "../../shared/celery/xz.ts";
import { ContentTypeRefused, Malformed } from "../../shared/errors.ts";
import { redactsInput } from "../../shared/contracts/keep_input.ts";
import { HIDDEN_REPR } from "../../shared/results/kept_input.ts";
import { calledContract, type Contracts } from "./input_keeper.ts";
import type { HeldDelivery } from "./held_delivery.ts";
import type { DeliveryResult } from "./delivery_result.ts";
import { failureOf } from "./outcomes.ts";

/** Decodes a message and validates its follow-ups. Hides the representation of arguments that its contract redacts.
 *
 * @returns the task or the error; a promise only if the body must be decompressed with xz */
export function readTask(
  message: Message,
  contracts: Contracts,
): TaskMessage | Malformed | Promise<TaskMessage | Malformed> {
  return isXz(message) ? readXz(message, contracts) : read(message, contracts);
}

async function readXz(
  message: Message,
  contracts: Contracts,
): Promise<TaskMessage | Malformed> {
  try {
    return read(await withoutXz(message), contracts);
  } catch (error) {
    if (error instanceof Malformed) return error;
    throw error;
  }
}

function read(message: Message, contracts: Contracts): TaskMessage | Malformed {
  let id: string | undefined;
  try {
    const task = decodeTask(message);
    id = task.id;
    if (isFollowed(task.embed)) checkEmbed(task.embed);
    return redactsInput(calledContract(task, contracts))
      ? { ...task, argsRepr: HIDDEN_REPR, kwargsRepr: HIDDEN_REPR }
      : task;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return error.id === undefined && id !== undefined
      ? new Malformed(error.message, id, { cause: error })
      : error;
  }
}

/** The result of a delivery that cannot be decoded. */
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
