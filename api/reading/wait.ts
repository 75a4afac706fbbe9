/** Submitting and waiting for the result in one request. */
import type { Message } from "../../shared/broker/message.ts";
import { decodeMeta, type ResultMeta } from "../../shared/celery/result.ts";
import { isFinal, type TaskRecord } from "../../shared/results/result.ts";
import { replyRecord } from "./record.ts";
import type { AcceptedTask } from "../../shared/outbox/publisher.ts";
import type { Submission } from "../../shared/outbox/submission.ts";
import type { Submitter } from "../submitting/submitter.ts";
import { type WatchParts, watchToEnd } from "./watch.ts";

/** Milliseconds that a direct reply gets before the store is asked: it nearly always wins. */
const REPLY_HEAD_START_MS = 1000;

/** What waiting works with. */
export interface WaitParts extends WatchParts {
  readonly submitter: Submitter;
}

/** How long to wait, and for whom. */
export interface Waiting {
  readonly key: string | undefined;
  readonly seconds: number;
  /** The caller hung up. */
  readonly gone: AbortSignal;
}

/** Publishes with a direct reply-to and waits for the reply.
 *
 * A reply cannot come by way of the outbox, and dies with its channel: so events and the store are
 * watched as well, and whichever tells the end first wins.
 *
 * @returns the final record, if it came in time */
export async function submitAndWait(
  { submitter, ...watched }: WaitParts,
  submission: Submission,
  { key, seconds, gone }: Waiting,
): Promise<{ accepted: AcceptedTask; record?: TaskRecord }> {
  const over = new AbortController();
  const signal = AbortSignal.any([gone, over.signal, watched.hub.closing]);
  const timer = setTimeout(() => over.abort(), seconds * 1000);
  const replied = Promise.withResolvers<ResultMeta>();
  const receive = ({ body }: Message): void => {
    const meta = readMeta(body);
    if (meta && isFinal(meta.state)) replied.resolve(meta);
  };
  try {
    const accepted = await submitter.submit(submission, { key, reply: { signal, receive } });
    const afterMs = accepted.via === "broker" ? REPLY_HEAD_START_MS : 0;
    const record = await Promise.race([
      replied.promise.then((meta) => {
        const { name, queue, argsRepr, kwargsRepr, submittedAt } = accepted;
        return replyRecord(meta, { name, queue, argsRepr, kwargsRepr, submittedAt });
      }),
      // A store that cannot be read is no reason to fail what is already accepted.
      watchToEnd(accepted.id, { ...watched, signal, afterMs }).catch(() => ended(signal)),
    ]);
    return record && isFinal(record.state) ? { accepted, record } : { accepted };
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

/** A reply that cannot be read is no reply: the store will tell. */
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
