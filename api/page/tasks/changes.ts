/** `GET /tasks/{id}/changes` of the page: says that a task has changed, and when it has ended. */
import { getLogger } from "@logtape/logtape";
import type { Handler } from "hono";
import { streamSSE } from "hono/streaming";
import { isFinal } from "../../../shared/results/result.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { callerOf } from "../../access/request_caller.ts";
import { watchRights } from "../../access/rights_watch.ts";
import { waiterOf } from "../../access/waiter.ts";
import { ChunkWriter } from "../../http/chunk_writer.ts";
import { isLabel } from "../../http/label.ts";
import { noRecord } from "../../http/query.ts";
import { isYoung } from "../../reading/record.ts";
import { isVisible } from "../../reading/visible_record.ts";
import { watch, type WatchParts } from "../../reading/watch.ts";

/** Milliseconds between comments, which keep proxies from closing an idle stream. */
const HEARTBEAT_MS = 15_000;

const encoder = new TextEncoder();
const CHANGED = encoder.encode("event: changed\ndata:\n\n");
const ENDED = encoder.encode("event: ended\ndata:\n\n");

const log = getLogger(["celeriac", "api"]);

/** Dependencies of the stream. */
export interface ChangesParts extends WatchParts {
  readonly clock: Clock;
  /** Milliseconds between comments. Default 15 s. */
  readonly heartbeatMs?: number;
}

/** Streams `changed` after each change of a record and each progress, and `ended` after the final state. The events carry no data: the
 * browser reads the page again, at most once a second. The first `changed` follows at once, because the task may have changed since the
 * page was drawn. */
export function changesStream(
  { clock, heartbeatMs = HEARTBEAT_MS, ...watched }: ChangesParts,
): Handler<object, "/tasks/:task/changes"> {
  return async (c) => {
    const id = c.req.param("task");
    if (!isLabel(id)) throw noRecord(id);
    const caller = callerOf(c);
    const gone = new AbortController();
    let onProgress = () => {};
    const watching = watch(id, {
      ...watched,
      signal: gone.signal,
      beginnings: true,
      owner: waiterOf(c),
      onEvent: ({ type }) => type === "task-progress" && onProgress(),
    });
    // Before the response starts, so that a failure gets its own status.
    const first = (await watching.next()).value;
    if (c.finalized) {
      // The time limit of pages has answered meanwhile: nobody would read this stream, and so nothing would end it.
      await watching.return(undefined);
      return c.body(null, 503);
    }
    const isKnown = first === undefined ? isYoung(id, clock.now()) : isVisible(caller, first);
    if (!isKnown || c.req.method === "HEAD") await watching.return(undefined);
    if (!isKnown) throw noRecord(id);
    c.header("cache-control", "no-store");
    c.header("x-accel-buffering", "no");
    if (c.req.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => gone.abort());
      using _rights = watchRights(c, () => gone.abort());
      const writer = new ChunkWriter(stream);
      const heartbeat = setInterval(() => writer.beat(), heartbeatMs);
      onProgress = () => writer.signal(CHANGED);
      try {
        await writer.write(CHANGED);
        let last = first;
        for await (const record of watching) {
          if (record && !isVisible(caller, record)) return;
          await writer.write(CHANGED);
          last = record;
        }
        if (last && isFinal(last.state)) await writer.write(ENDED);
      } catch (error) {
        log.info("Cannot continue the stream of changes of {id}: {error}", { id, error });
      } finally {
        clearInterval(heartbeat);
        gone.abort();
        await watching.return(undefined);
      }
    });
  };
}
