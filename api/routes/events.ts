/** `GET /v1/tasks/{id}/events`: a task's life as server-sent events. */
import { getLogger } from "@logtape/logtape";
import { Hono } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { HeardEvent } from "../../shared/celery/event.ts";
import { parseJson, stringifyJson } from "../../shared/celery/json.ts";
import { isFinal, type TaskRecord } from "../../shared/results/result.ts";
import { isLabel } from "../label.ts";
import { noRecord } from "../query.ts";
import { isYoung, pendingRecord, plainJson, recordJson } from "../record.ts";
import { watch, type WatchParts } from "../watch.ts";

/** Comments that keep proxies from closing a silent stream, milliseconds. */
const HEARTBEAT_MS = 15_000;

/** Id of the last event of a stream. A browser that comes back with it is told not to come again. */
const END_ID = "end";

const log = getLogger(["celeriac", "api"]);

/** What the route works with. */
export interface EventParts extends WatchParts {
  /** Milliseconds between heartbeats; default 15 s. */
  readonly heartbeatMs?: number;
}

/** Streams `state` events, each with the whole record, and `progress` events.
 *
 * A stream begins with the present state, so nothing need be replayed to who comes back. It ends after the final state. */
export function eventRoutes({ heartbeatMs = HEARTBEAT_MS, ...watched }: EventParts): Hono {
  return new Hono().get("/tasks/:task/events", async (c) => {
    const id = c.req.param("task");
    if (c.req.header("last-event-id") === END_ID) return c.body(null, 204);
    const known = isLabel(id) &&
      (await watched.store.find(id) !== undefined || isYoung(id, Date.now()));
    if (!known) throw noRecord(id);
    c.header("x-accel-buffering", "no");
    // Nobody would read, or end, the stream of a HEAD.
    if (c.req.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
    return streamSSE(c, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      const heartbeat = setInterval(() => stream.write(": still here\n\n"), heartbeatMs);
      const teller = new Teller(id, stream);
      const onEvent = (event: HeardEvent) => teller.hear(event);
      try {
        const { signal } = gone;
        for await (const record of watch(id, { ...watched, signal, beginnings: true, onEvent })) {
          await teller.tell(record ?? pendingRecord(id, new Date()));
        }
      } catch (error) {
        log.info("Cannot go on telling of {id}, so its stream ends early: {error}", { id, error });
      } finally {
        clearInterval(heartbeat);
        gone.abort();
      }
    });
  });
}

/** Writes what changed, and only that. */
class Teller {
  readonly #id: string;
  readonly #stream: SSEStreamingApi;
  #state = "";
  #progress = "";
  #unsent: string | undefined;
  #sending = false;

  constructor(id: string, stream: SSEStreamingApi) {
    this.#id = id;
    this.#stream = stream;
  }

  async tell(record: TaskRecord): Promise<void> {
    const state = `${record.state} ${record.retries} ${record.startedAt?.getTime()}`;
    if (state !== this.#state) {
      this.#state = state;
      if (record.state === "PROGRESS" && record.result !== null) {
        this.#progress = canonical(record.result);
      }
      const end = isFinal(record.state) ? { id: END_ID } : {};
      await this.#stream.writeSSE({ event: "state", data: recordJson(record), ...end });
    } else if (record.state === "PROGRESS" && record.result !== null) {
      await this.#tellProgress(canonical(record.result));
    }
  }

  /** Progress is told as it is heard: its record may be written later, or not at all. */
  hear(event: HeardEvent): void {
    if (event.type === "task-progress") void this.#tellProgress(stringifyJson(event["progress"]));
  }

  /** While one is being written only the newest waits: a slow reader skips what is old. */
  async #tellProgress(progress: string): Promise<void> {
    if (progress === this.#progress) return;
    this.#progress = this.#unsent = progress;
    if (this.#sending) return;
    this.#sending = true;
    while (this.#unsent !== undefined) {
      const data = `{"id":${JSON.stringify(this.#id)},"progress":${this.#unsent}}`;
      this.#unsent = undefined;
      await this.#stream.writeSSE({ event: "progress", data });
    }
    this.#sending = false;
  }
}

/** The store may have laid the same JSON out differently. */
function canonical(json: string): string {
  return stringifyJson(parseJson(plainJson(json)));
}
