/** `GET /v1/tasks/{id}/events`: the states of a task as server-sent events. */
import { getLogger } from "@logtape/logtape";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { ReceivedEvent } from "../../shared/celery/event.ts";
import { parseJson, stringifyJson } from "../../shared/celery/python_json.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { isFinal, type TaskRecord } from "../../shared/results/result.ts";
import { isLabel } from "../http/label.ts";
import { noRecord } from "../http/query.ts";
import { isYoung, pendingRecord, plainJson } from "../reading/record.ts";
import { isVisible, redacted, visibleJson } from "../reading/visible_record.ts";
import { type Caller, ROOT } from "../access/caller.ts";
import { callerOf } from "../access/request_caller.ts";
import { watchRights } from "../access/rights_watch.ts";
import { waiterOf } from "../access/waiter.ts";
import { ChunkWriter } from "../http/chunk_writer.ts";
import { watch, type WatchParts } from "../reading/watch.ts";

/** Milliseconds between comments, which keep proxies from closing an idle stream. */
const HEARTBEAT_MS = 15_000;

/** Id of the last event of a stream. A browser that reconnects with it gets 204 and stops. */
const END_ID = "end";

const log = getLogger(["celeriac", "api"]);

/** Dependencies of the route. */
export interface EventParts extends WatchParts {
  readonly clock: Clock;
  /** Milliseconds between heartbeats; default 15 s. */
  readonly heartbeatMs?: number;
}

/** Streams `state` events, each with the whole record, and `progress` events.
 *
 * A stream starts with the current state, so a reconnect needs no replay. It ends after the final state. */
export function eventRoutes({ clock, heartbeatMs = HEARTBEAT_MS, ...watched }: EventParts): Hono {
  return new Hono().get("/tasks/:task/events", async (c) => {
    const id = c.req.param("task");
    if (c.req.header("last-event-id") === END_ID) return c.body(null, 204);
    if (!isLabel(id)) throw noRecord(id);
    const caller = callerOf(c);
    const gone = new AbortController();
    let teller: Teller | undefined;
    const watching = watch(id, {
      ...watched,
      signal: gone.signal,
      beginnings: true,
      owner: waiterOf(c),
      onEvent: (event) => teller?.hear(event),
    });
    // Before the response starts, so that a failure gets its own status.
    const first = (await watching.next()).value;
    const isKnown = first === undefined ? isYoung(id, clock.now()) : isVisible(caller, first);
    // A HEAD response has no body that a client could read or close.
    if (!isKnown || c.req.method === "HEAD") await watching.return(undefined);
    if (!isKnown) throw noRecord(id);
    c.header("x-accel-buffering", "no");
    if (c.req.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => gone.abort());
      using _rights = watchRights(c, () => gone.abort());
      const writer = new ChunkWriter(stream);
      const heartbeat = setInterval(() => writer.beat(), heartbeatMs);
      teller = new Teller(id, writer, caller);
      try {
        await teller.tell(first ?? pendingRecord(id, clock.now()));
        for await (const record of watching) {
          if (record && !isVisible(caller, record)) break;
          await teller.tell(record ?? pendingRecord(id, clock.now()));
        }
      } catch (error) {
        log.info("Cannot continue the event stream of {id}: {error}", { id, error });
      } finally {
        clearInterval(heartbeat);
        gone.abort();
        await watching.return(undefined);
      }
    });
  });
}

/** Writes changes only. */
class Teller {
  readonly #id: string;
  readonly #writer: ChunkWriter;
  readonly #caller: Caller;
  /** Whether a record has shown that the caller may see the task. */
  #isSeen: boolean;
  #state = "";
  #progress = "";
  #unsent: string | undefined;
  #sending = false;

  constructor(id: string, writer: ChunkWriter, caller: Caller) {
    this.#id = id;
    this.#writer = writer;
    this.#caller = caller;
    this.#isSeen = caller.seesEverything;
  }

  async tell(given: TaskRecord): Promise<void> {
    const reads = this.#caller.has("tasks:read-data");
    const record = reads ? given : redacted(given);
    this.#isSeen ||= record.name !== null;
    const state = `${record.state} ${record.retries} ${record.startedAt?.getTime()}`;
    if (state !== this.#state) {
      this.#state = state;
      if (record.state === "PROGRESS" && record.result !== null) {
        this.#progress = canonical(record.result);
      }
      await this.#writer.write(reads ? stateEvent(record) : encodeEvent(record, this.#caller));
    } else if (record.state === "PROGRESS" && record.result !== null) {
      await this.#tellProgress(canonical(record.result));
    }
  }

  /** Sends progress immediately: its record may be written later or never. */
  hear(event: ReceivedEvent): void {
    if (!this.#isSeen || !this.#caller.has("tasks:read-data")) return;
    if (event.type === "task-progress") void this.#tellProgress(stringifyJson(event["progress"]));
  }

  /** During a write only the newest record is kept: a slow client skips older ones. */
  async #tellProgress(progress: string): Promise<void> {
    if (progress === this.#progress) return;
    this.#progress = this.#unsent = progress;
    if (this.#sending) return;
    this.#sending = true;
    while (this.#unsent !== undefined) {
      const data = `{"id":${JSON.stringify(this.#id)},"progress":${this.#unsent}}`;
      this.#unsent = undefined;
      await this.#writer.write(encoder.encode(`event: progress\ndata: ${data}\n\n`));
    }
    this.#sending = false;
  }
}

/** Compares as JSON: the store may format the same value differently. */
function canonical(json: string): string {
  return stringifyJson(parseJson(plainJson(json)));
}

/** The `state` event of a record with its data. */
function stateEvent(record: TaskRecord): Uint8Array<ArrayBuffer> {
  const known = encoded.get(record);
  if (known) return known;
  const event = encodeEvent(record, ROOT);
  encoded.set(record, event);
  return event;
}

function encodeEvent(record: TaskRecord, caller: Caller): Uint8Array<ArrayBuffer> {
  const end = isFinal(record.state) ? `id: ${END_ID}\n` : "";
  // A stored result may contain line breaks.
  const data = visibleJson(caller, record).replaceAll(/\r\n?|\n/g, "\ndata: ");
  return encoder.encode(`event: state\ndata: ${data}\n${end}\n`);
}

/** Thousands of clients may follow one task: its record is encoded once. */
const encoded = new WeakMap<TaskRecord, Uint8Array<ArrayBuffer>>();

const encoder = new TextEncoder();
