/** Submits a task and waits for its result in one request. */
import type { Message } from "../../shared/broker/message.ts";
import { decodeMeta, type ResultMeta } from "../../shared/celery/result.ts";
import { isFinal, type TaskRecord } from "../../shared/results/result.ts";
import { replyRecord } from "./record.ts";
import type { AcceptedTask } from "../../shared/outbox/publisher.ts";
import type { Submission } from "../../shared/outbox/submission.ts";
import type { SubmissionWriter } from "../../shared/results/submissions.ts";
import type { Submitter } from "../submitting/submitter.ts";
import { ENDED, pause } from "../../shared/runtime/waits.ts";
import { type WatchParts, watchToEnd } from "./watch.ts";

/** Milliseconds before the store is read: the direct reply is usually faster. Events are not received before either, because workers send
 * none while nobody receives them. */
const REPLY_HEAD_START_MS = 1000;

/** Dependencies of waiting. */
export interface WaitParts extends WatchParts {
  readonly submitter: Submitter;
  readonly submissions: Pick<SubmissionWriter, "settled">;
}

/** Options of waiting. */
export interface Waiting {
  readonly key: string | undefined;
  readonly seconds: number;
  /** Aborts when the client disconnects. */
  readonly gone: AbortSignal;
  /** Who waits, for its share of the places. */
  readonly owner?: string;
}

/** Publishes with a direct reply-to and waits for the reply.
 *
 * The outbox supports no direct replies, and a reply is lost with its channel. So events and the
 * store are watched too, after {@linkcode REPLY_HEAD_START_MS}; the first final state wins.
 *
 * @returns the final record, if it arrived in time */
export async function submitAndWait(
  { submitter, submissions, ...watched }: WaitParts,
  submission: Submission,
  { key, seconds, gone, owner }: Waiting,
): Promise<{ accepted: AcceptedTask; record?: TaskRecord }> {
  const over = new AbortController();
  const signal = AbortSignal.any([gone, over.signal, watched.hub.closing]);
  const timer = setTimeout(() => over.abort(ENDED), seconds * 1000);
  const replied = Promise.withResolvers<ResultMeta>();
  const receive = ({ body }: Message): void => {
    const meta = readMeta(body);
    if (meta && isFinal(meta.state)) replied.resolve(meta);
  };
  try {
    const accepted = await submitter.submit(submission, { key, reply: { signal, receive } });
    const watchRecord = async () => {
      if (accepted.via === "broker") await pause(REPLY_HEAD_START_MS, signal);
      if (signal.aborted) return undefined;
      const options = { ...watched, signal, ...(owner !== undefined && { owner }) };
      return await watchToEnd(accepted.id, options);
    };
    const record = await Promise.race([
      replied.promise.then((meta) => {
        submissions.settled(accepted);
        const { id: _id, via: _via, ...submitted } = accepted;
        return replyRecord(meta, submitted);
      }),
      // The task is already accepted: an unreadable store is not an error of this request.
      watchRecord().catch(() => ended(signal)),
    ]);
    return record && isFinal(record.state) ? { accepted, record } : { accepted };
  } finally {
    clearTimeout(timer);
    over.abort(ENDED);
  }
}

/** Ignores an unreadable reply: the store has the result too. */
function readMeta(body: Uint8Array): ResultMeta | undefined {
  try {
    return decodeMeta(body);
  } catch {
    return undefined;
  }
}

function ended(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(undefined), { once: true })
  );
}
