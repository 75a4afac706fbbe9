/** Reasons in English: what is the case, and what to do about it. */
import type { Evidence, Occupancy, Reason, ReasonCode } from "./reason.ts";

/** A reason in words. */
export interface Wording {
  readonly sentence: string;
  /** `null` if there is nothing to do. */
  readonly remedy: string | null;
}

/** Writes a time. */
export type WriteTime = (time: Date) => string;

/** The words of one language for each reason. Commands and settings are in backticks. */
export type Words = {
  readonly [Code in ReasonCode]: (evidence: Readonly<Evidence[Code]>, time: WriteTime) => Wording;
};

/** Words a reason.
 *
 * @param options.words the language. Default English
 * @param options.time how times are written. Default ISO 8601
 *
 * @example
 * ```ts
 * import { reason } from "./reason.ts";
 * import { wordingOf } from "./wording.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { sentence } = wordingOf(reason("no-consumer", { queue: "celeriac.images", ready: 3 }));
 * assertEquals(sentence, "No worker consumes queue 'celeriac.images', in which 3 messages are ready.");
 * ```
 */
export function wordingOf(
  { code, evidence }: Reason,
  { words = ENGLISH, time = (at) => at.toISOString() }: { words?: Words; time?: WriteTime } = {},
): Wording {
  return (words[code] as (evidence: unknown, time: WriteTime) => Wording)(evidence, time);
}

/** English words. */
export const ENGLISH: Words = {
  "finished": ({ state, finishedAt, error }, time) => ({
    sentence: `The task has already ended in ${state}${at(finishedAt, time)}${
      error === null ? "" : ` with ${error}`
    }.`,
    remedy: state === "FAILURE" ? "Read the error in its record, then submit it again." : null,
  }),
  "expired": ({ expiredAt }, time) => ({
    sentence: `The task expired before it started${recorded(expiredAt, time)}.`,
    remedy: "Submit it again with a later `expires`, or start more workers.",
  }),
  "revoked": ({ revokedAt, by }, time) => ({
    sentence: `The task was ${by === "revoked" ? "revoked" : `ended as ${by}`}${
      at(revokedAt, time)
    }.`,
    remedy: "Submit it again if it should run.",
  }),
  "running": ({ worker, since, attempt, replied }, time) => ({
    sentence: `Attempt ${attempt} runs on worker ${worker ?? "(unknown)"}${
      since ? ` since ${time(since)}` : ""
    }${replied === false ? ", but that worker does not reply" : ""}.`,
    remedy: replied === false
      ? "If the worker has died, the broker delivers the task to another worker when its lease ends. Otherwise its event loop is blocked: see its log."
      : null,
  }),
  "unknown-id": ({ recent }) => ({
    sentence: recent
      ? "There is no record of this id yet."
      : "No task with this id is known: it was never submitted here, keeps no result, or is older than the retention.",
    remedy: recent ? "Ask again in a few seconds." : "Check the id, or submit the task again.",
  }),
  "no-consumer": ({ queue, ready }) => ({
    sentence: `No worker consumes queue '${queue}', in which ${messages(ready)} ready.`,
    remedy: `Start a worker whose handlers or CELERIAC_QUEUES include '${queue}'.`,
  }),
  "queue-missing": ({ queue }) => ({
    sentence: `The broker has no queue '${queue}'.`,
    remedy: "Run `deno task definitions apply`, then submit the task again.",
  }),
  "not-due": ({ dueAt, seconds, attempt, maxAttempts }, time) => ({
    sentence: attempt === 1
      ? `The task is due at ${time(dueAt)}, in ${seconds} s.`
      : `Attempt ${attempt} of ${maxAttempts ?? "any number"} is due at ${
        time(dueAt)
      }, in ${seconds} s, because the previous one failed.`,
    remedy: null,
  }),
  "paused": ({ scope, name, why, pausedAt, resumedAt, rate }, time) => ({
    sentence: resumedAt === null
      ? `The ${scope} '${name}' is paused since ${time(pausedAt)}${why === null ? "" : `: ${why}`}.`
      : `The ${scope} '${name}' is being resumed since ${time(resumedAt)}${
        rate === null ? "" : `, with ${rate} messages per second`
      }; this message has not had its turn.`,
    remedy: resumedAt === null
      ? `Run \`deno task cli resume ${scope} ${name}\`.`
      : "Wait, or resume again with a higher `--rate`.",
  }),
  "in-outbox": ({ seconds, broker, brokerReason, attempts, lastError, nextTryAt }, time) => ({
    sentence: broker === "connected"
      ? `The message is due since ${seconds} s but still in the outbox${
        attempts > 0 ? `, after ${attempts} failed attempts to publish it` : ""
      }${lastError === null ? "" : `: ${lastError}`}${
        nextTryAt ? ` (next try at ${time(nextTryAt)})` : ""
      }.`
      : `The message is due since ${seconds} s but still in the outbox, because the broker is ${broker}${
        brokerReason === null ? "" : `: ${brokerReason}`
      }.`,
    remedy: broker === "connected"
      ? "If it stays there, see the log of the API for the reason: a missing queue, a full one, or too few APIs for the outbox."
      : "Make the broker available. The API publishes the message by itself afterwards.",
  }),
  "behind-others": ({ queue, ready, perSecond, seconds }) => ({
    sentence: `At most ${ready} messages are ahead in queue '${queue}'${
      perSecond === null || seconds === null
        ? "; no task of the queue has ended during the last minute"
        : `; at ${perSecond} tasks per second they take about ${seconds} s`
    }.`,
    remedy: "Start more workers if that is too long.",
  }),
  "workers-full": ({ queue, workers, heldBy }) => ({
    sentence: heldBy === null
      ? `All workers of queue '${queue}' are full: ${workers.map(occupied).join(", ")}.`
      : `Worker ${heldBy} has received the task, and all its slots are taken${
        workers.length > 0 ? `: ${workers.map(occupied).join(", ")}` : ""
      }.`,
    remedy: "Wait, start more workers, or raise CELERIAC_CONCURRENCY.",
  }),
  "rate-limited": ({ worker, limit }) => ({
    sentence: `Worker ${worker} has received the task, which waits for its rate limit of ${limit}.`,
    remedy: "Wait, or raise `rateLimit` of the contract.",
  }),
  "task-unknown": ({ task, workers, since, nextTryAt }, time) => ({
    sentence: `No worker that was asked has a handler for task '${task}'${
      workers.length > 0 ? `: ${workers.join(", ")}` : ""
    }${since ? `, since ${time(since)}` : ""}${
      nextTryAt ? `; the task is offered again at ${time(nextTryAt)}` : ""
    }.`,
    remedy: "Deploy workers with a handler for the task, or correct its name and queue.",
  }),
  "input-refused": ({ detail }) => ({
    sentence: `The input does not match the schema of the task${
      detail === null ? "" : `: ${detail}`
    }`,
    remedy:
      "Submit the task again with valid input, or fix the schema and redrive the dead letter.",
  }),
  "dead-lettered": ({ letter, reason, detail, diedAt }, time) => ({
    sentence: `The message is a dead letter${at(diedAt, time)} because of ${reason}${
      detail === null ? "" : `: ${detail}`
    }`,
    remedy: `Remove the cause, then run \`deno task cli dead redrive --id=${letter}\`.`,
  }),
  "waiting-for-members": ({ workflow, count, tasks }) => ({
    sentence: `The task waits for ${count} earlier ${
      count === 1 ? "task" : "tasks"
    } of workflow ${workflow}: ${tasks.join(", ")}${count > tasks.length ? ", ..." : ""}.`,
    remedy: "Ask why the earlier tasks are not running.",
  }),
  "message-not-found": ({ queue, consumers, replies }) => ({
    sentence:
      `No message is ready in queue '${queue}', and none of the ${replies} workers that replied has the task; ${consumers} consume the queue.`,
    remedy:
      "Ask again in a few seconds. If the answer stays the same and all workers replied, the message is lost, for example by a purge of the queue: submit the task again.",
  }),
  "undetermined": ({ queue }) => ({
    sentence: `The reason cannot be determined${
      queue === null ? " because the queue of the task is not known" : ""
    }.`,
    remedy: "Read the facts that are missing, or ask again later.",
  }),
};

/** All codes. */
export const REASON_CODES = Object.keys(ENGLISH) as readonly ReasonCode[];

function at(moment: Date | null, time: WriteTime): string {
  return moment ? ` at ${time(moment)}` : "";
}

function recorded(moment: Date | null, time: WriteTime): string {
  return moment ? `, recorded at ${time(moment)}` : "";
}

function messages(count: number): string {
  return count === 1 ? "1 message is" : `${count} messages are`;
}

function occupied({ worker, running, concurrency }: Occupancy): string {
  return `${worker} runs ${running} of ${concurrency ?? "?"}`;
}
