/** Writes published messages to their channel, many at once. */
import { Buffer } from "node:buffer";
import type { Writable } from "node:stream";
import { setImmediate } from "node:timers";
import type { ConfirmChannel } from "amqplib";
import { encodePublish } from "./codec.ts";
import { FrameChunk } from "./frame_chunk.ts";
import type { PublishFields } from "./publish_fields.ts";

/** A confirm channel with the internals of its `publish`, which creates a prototype for each message's headers, copies each message three
 * times and writes it to two streams. */
export interface FastChannel extends ConfirmChannel {
  readonly ch: number;
  sendMessage(method: PublishFields, properties: PublishFields, content: Buffer): boolean;
  pushConfirmCallback(callback: (error: Error | null) => void): void;
}

/** The connection of a channel. */
interface FastConnection {
  readonly frameMax: number;
  /** Open channels by number, each with the stream of its frames. */
  readonly channels: readonly ({ readonly channel: object; readonly buffer: Writable } | null)[];
  /** Whether no heartbeat is due. */
  sentSinceLastCheck: boolean;
}

/** From this number of messages in flight, frames are collected for {@linkcode BATCH_MS}: larger writes and larger confirms. */
const BUSY = 16;

/** Milliseconds. */
const BATCH_MS = 1;

/** Collects the frames of one turn of the event loop, or under load of a millisecond, and writes them at once. Keeps their order. */
export class FrameWriter {
  readonly #chunk = new FrameChunk();
  /** The channel of the frames in the chunk. */
  #channel: FastChannel | undefined;
  #willFlush = false;

  /** Writes one message soon.
   *
   * @param inFlight number of unconfirmed messages
   * @throws {Error} when the channel is closed, or a field cannot be encoded: nothing is written */
  write(channel: FastChannel, fields: PublishFields, body: Uint8Array, inFlight: number): void {
    const stream = streamOf(channel);
    if (!stream) throw new Error("Channel closed");
    if (this.#channel !== channel) this.flush();
    this.#channel = channel;
    const { ch } = channel;
    const method = encodePublish(ch, fields);
    const frames = { channel: ch, method, header: fields.headerFrame(ch, body.length), body };
    const { frameMax } = connectionOf(channel);
    if (!this.#chunk.add(frames, frameMax)) {
      this.flush();
      if (!this.#chunk.add(frames, frameMax)) {
        channel.sendMessage(
          fields,
          fields,
          Buffer.from(body.buffer, body.byteOffset, body.byteLength),
        );
      }
    }
    this.#flushSoon(inFlight);
  }

  /** Writes the frames now. Call it before the channel is closed: later frames would end the connection. */
  flush(): void {
    if (this.#chunk.isEmpty || !this.#channel) return;
    const frames = this.#chunk.take();
    const stream = streamOf(this.#channel);
    if (!stream) return; // the messages have failed
    stream.write(frames);
    connectionOf(this.#channel).sentSinceLastCheck = true;
  }

  #flushSoon(inFlight: number): void {
    if (this.#willFlush) return;
    this.#willFlush = true;
    const flush = () => {
      this.#willFlush = false;
      this.flush();
    };
    if (inFlight < BUSY) setImmediate(flush);
    else setTimeout(flush, BATCH_MS);
  }
}

function connectionOf(channel: FastChannel): FastConnection {
  return channel.connection as unknown as FastConnection;
}

/** The stream of the channel's frames, unless it is closed. */
function streamOf(channel: FastChannel): Writable | undefined {
  const open = connectionOf(channel).channels[channel.ch];
  return open?.channel === channel ? open.buffer : undefined;
}
