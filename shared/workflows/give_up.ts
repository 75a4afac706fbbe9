/** Gives up undeliverable messages: makes their records final and runs the follow-ups of the failure.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Message } from "../broker/message.ts";
import { decodeTask } from "../celery/decode.ts";
import { encodeException, type ExceptionMeta, revoked } from "../celery/exception.ts";
import { type Clock, SYSTEM_CLOCK } from "../runtime/clock.ts";
import { checkEmbed } from "../celery/following.ts";
import type { TaskMessage } from "../celery/task_message.ts";
import { isXz, withoutXz } from "../celery/xz.ts";
import type { Database } from "../database/database.ts";
import { isDataFault } from "../database/sqlstate.ts";
import { Malformed } from "../errors.ts";
import { isFinal } from "../results/result.ts";
import type { ResultStore } from "../results/store.ts";
import type { FollowUps, LostRecord } from "./follow_ups.ts";

/** A message that will never run. Id and retries are known even if it cannot be decoded. */
export interface Undeliverable {
  readonly message: Message;
  /** `null` if the message has none. */
  readonly taskId: string | null;
  /** Failed attempts according to the message. */
  readonly retries: number;
}

/** Gives up a message. */
export type GiveUp = (given: Undeliverable, error: Error) => Promise<void>;

/** Options of {@linkcode givingUp}. */
export interface GiveUpOptions {
  readonly database: Database;
  readonly store: Pick<ResultStore, "fail" | "find">;
  readonly followUps: FollowUps;
  /** Default: this machine's clock. */
  readonly clock?: Clock;
}

/** Creates the function that gives up messages.
 *
 * It resolves when the record is final and all follow-ups are durable, and is idempotent. An expired task becomes REVOKED, any other
 * FAILURE. A record that is already final stays, and its follow-ups are sent. A message that cannot be decoded has no follow-ups.
 *
 * @throws {DatabaseUnavailable}, {Unavailable} when neither broker nor database accepts it now: call it again */
export function givingUp(
  { database, store, followUps, clock = SYSTEM_CLOCK }: GiveUpOptions,
): GiveUp {
  return async (given, error) => {
    const task = await read(given.message);
    const id = task?.id ?? given.taskId;
    if (id === null) return;
    const { retries } = given;
    const failure = { id, name: task?.task ?? "", retries, ...finalOf(task, error, clock.now()) };
    try {
      await store.fail([failure], database);
    } catch (refused) {
      if (!isDataFault(refused)) throw refused;
      logger.error("Cannot store a record of task {id}: {error}", {
        id,
        error: refused,
      });
      if (task) await followUps.after(task, failure);
      return;
    }
    if (!task) return;
    const record = await store.find(id);
    if (record && isFinal(record.state)) await followUps.after(task, record);
  };
}

/** Creates the function that records tasks lost with an undeliverable message. */
export function losing(
  { database, store }: { database: Database; store: Pick<ResultStore, "fail"> },
): (records: readonly LostRecord[]) => Promise<void> {
  return (records) => store.fail(records.map((record) => ({ ...record, retries: 0 })), database);
}

async function read(message: Message): Promise<TaskMessage | undefined> {
  try {
    const task = decodeTask(isXz(message) ? await withoutXz(message) : message);
    checkEmbed(task.embed);
    return task;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function finalOf(
  task: TaskMessage | undefined,
  error: Error,
  now: Date,
): { state: "FAILURE" | "REVOKED"; exception: ExceptionMeta } {
  return task?.expires && task.expires <= now
    ? { state: "REVOKED", exception: revoked("expired") }
    : { state: "FAILURE", exception: encodeException(error) };
}

const logger = getLogger(["celeriac", "workflows"]);
