/** `cli.ts events tail`: follow recorded events. */
import { getLogger } from "@logtape/logtape";
import type { Config } from "../../shared/config/settings.ts";
import { Unavailable } from "../../shared/errors.ts";
import { pause } from "../../shared/runtime/waits.ts";
import { open } from "../api_client.ts";
import { parseExactly } from "../terminal/exact_json.ts";

/** The printed fields of an event. */
export interface RecordedEvent {
  readonly key: string;
  readonly position: number;
  readonly recorded_at: string;
  readonly event: {
    readonly type: string;
    readonly subject?: string;
    readonly data?: unknown;
  };
  readonly tasks: readonly { readonly subscription: string; readonly id: string }[];
}

/** Options of {@linkcode tail}. */
export interface TailOptions {
  /** Patterns of types, separated by commas. */
  readonly types?: string;
  /** Position. Default: the last event. */
  readonly after?: string;
  /** Number of events after which it ends. Default: none. */
  readonly limit?: number;
  /** Whether to print each event as a line of JSON. */
  readonly json: boolean;
}

/** Milliseconds before the next attempt to connect. */
const RETRY_MS = 1000;

/** Prints events until the process ends. After a lost connection it continues with the next event.
 *
 * @throws {Unavailable} when the API cannot be reached at the start */
export async function tail(config: Config, options: TailOptions): Promise<void> {
  const { types, limit = Infinity, json } = options;
  let position = options.after;
  let left = limit;
  for (let isFirst = true; left > 0; isFirst = false) {
    try {
      const query = new URLSearchParams({
        ...(types !== undefined && { types }),
        ...(position !== undefined && { after: position }),
      });
      const { body } = await open(config, `/v1/events/stream?${query}`);
      isFirst = false;
      for await (const { id, data } of messagesOf(body!)) {
        position = id ?? position;
        if (data === undefined) continue;
        console.log(json ? data : lineOf(parseExactly(data) as RecordedEvent));
        left--;
        if (left <= 0) return;
      }
    } catch (error) {
      // A stream that breaks off fails with a TypeError.
      const broken = error instanceof Unavailable || error instanceof TypeError;
      if (isFirst || !broken) throw error;
      log.debug("The stream of events broke off: {error}", { error });
    }
    console.error("celeriac: the connection is lost: connecting again");
    await pause(RETRY_MS);
  }
}

/** The messages of a stream of server-sent events. */
async function* messagesOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<{ id?: string; data?: string }> {
  let text = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const messages = text.split("\n\n");
    text = messages.pop()!;
    for (const message of messages) {
      const fields = message.split("\n").map((line) => line.split(/: (.*)/s));
      yield Object.fromEntries(fields.map(([name = "", value = ""]) => [name, value]));
    }
  }
}

function lineOf({ position, recorded_at, event, tasks, key }: RecordedEvent): string {
  const { type, subject, data } = event;
  const shown = data === undefined ? "" : JSON.stringify(data);
  return [
    position,
    `${recorded_at.slice(0, 19)}Z`,
    key,
    type,
    ...(subject === undefined ? [] : [subject]),
    `${tasks.length} ${tasks.length === 1 ? "task" : "tasks"}`,
    shown.length > 200 ? `${shown.slice(0, 199)}…` : shown,
  ].join("  ").trimEnd();
}

const log = getLogger(["celeriac", "cli"]);
